"""What callers hear in Spanish, as it is written; the closed announcement is the company's own, with the days."""

# Used where a client has set no text of its own. None of them may hint at plans or at whose house it is.
ANNOUNCEMENTS = {
    "welcome": "Gracias por llamar a {name}. En un momento le atenderemos.",
    "closed": "Estimado cliente, le recordamos que nuestro horario de atención es {hours}. Gracias por llamar.",
    "exhausted": (
        "Estimado cliente, en este momento no podemos atender su llamada. "
        "Por favor, inténtelo más tarde. Gracias por llamar."
    ),
    # Said by default before every call that is recorded (Código Penal 161-A, Ley 21.719): that it is, and what for.
    "recording": "Le informamos que esta llamada se graba para verificar los mensajes.",
    "busy": (
        "Estimado cliente, en este momento todas nuestras líneas están ocupadas. "
        "Por favor, llame más tarde. Gracias por llamar."
    ),
    "message": (
        "En este momento no podemos atenderle. Por favor, deje su nombre, su número y su mensaje después del tono. "
        "Le responderemos a la brevedad."
    ),
}

# In place of `closed` for a client that is never open: there are no hours to tell.
CLOSED_ALWAYS = "Estimado cliente, en este momento no estamos atendiendo. Gracias por llamar."

HOUSE = {
    "message_taken": "Gracias. Su mensaje ha sido grabado. Hasta luego.",
    "holiday": "Hoy es feriado.",
    "closed_today": "Hoy no atendemos.",
    "closed_now": "En este momento no atendemos.",
    "message_lost": "Lo sentimos: no pudimos grabar su mensaje. Por favor, vuelva a llamar más tarde. Hasta luego.",
    "goodbye": "Gracias por llamar. Hasta luego.",
    # A secretary hears these while the caller is with her again: as short as can be.
    "contact_busy": "Ocupado.",
    "contact_silent": "No contesta.",
    "contact_declined": "Rechazó la llamada.",
    "contact_gone": "El contacto cortó.",
    "contact_away": "No está disponible por ahora.",
    "contact_unreachable": "No se puede llamar a ese número.",
    "not_allowed": "Número no permitido.",
    "too_many_calls": "Límite de llamadas alcanzado.",
    "forwarded_to_us": "Su teléfono está desviado a nosotros.",
    "nobody_speaks_it": "Nadie más habla ese idioma ahora.",
    "caller_gone": "La persona que llamaba cortó.",
    "time_is_up": "El tiempo disponible para esta comunicación ha terminado. Gracias por llamar. Hasta luego.",
}

POSITION = "Usted es el número {number} en la espera."
POSITION_FAR = "Hay más de veinte personas en la espera. Gracias por su paciencia."
