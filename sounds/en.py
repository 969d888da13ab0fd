"""What callers hear in English, as it is written."""

# Used where a client has set no text of its own. None of them may hint at plans or at whose house it is.
ANNOUNCEMENTS = {
    "welcome": "Thank you for calling {name}. We will be with you in a moment.",
    "closed": "Dear customer, please note that our opening hours are {hours}. Thank you for calling.",
    "exhausted": (
        "Dear customer, we cannot take your call at the moment. Please try again later. Thank you for calling."
    ),
    # Said by default before every call that is recorded: that it is, and what for.
    "recording": "Please note that this call is recorded so that messages can be checked.",
    "busy": "Dear customer, all our lines are busy at the moment. Please call again later. Thank you for calling.",
    "message": (
        "We cannot take your call at the moment. Please leave your name, your number and your message after the tone. "
        "We will get back to you shortly."
    ),
}

# In place of `closed` for a client that is never open: there are no hours to tell.
CLOSED_ALWAYS = "Dear customer, we are not taking calls at the moment. Thank you for calling."

HOUSE = {
    "message_taken": "Thank you. Your message has been recorded. Goodbye.",
    "holiday": "Today is a public holiday.",
    "closed_today": "We are closed today.",
    "closed_now": "We are closed at this moment.",
    "message_lost": "We are sorry: your message could not be recorded. Please call again later. Goodbye.",
    "goodbye": "Thank you for calling. Goodbye.",
    # A secretary hears these while the caller is with her again: as short as can be.
    "contact_busy": "Busy.",
    "contact_silent": "No answer.",
    "contact_declined": "The call was rejected.",
    "contact_gone": "The contact hung up.",
    "contact_away": "Not available for now.",
    "contact_unreachable": "This number cannot be called.",
    "not_allowed": "This number is not allowed.",
    "too_many_calls": "The limit of calls is reached.",
    "forwarded_to_us": "That telephone is forwarded to us.",
    "nobody_speaks_it": "Nobody else speaks that language now.",
    "caller_gone": "The caller has hung up.",
    "time_is_up": "The time available for this conversation has ended. Thank you for calling. Goodbye.",
}

POSITION = "You are number {number} in line."
POSITION_FAR = "There are more than twenty callers in line. Thank you for your patience."
