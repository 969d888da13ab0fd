"""How a supervisor judges what a secretary did in a call."""

from pbx_control.catalogue import N_

# For each criterion so many points at most.
MOST_POINTS = 5
# What is judged if nobody set it; these are looked up in the catalogue, others are shown as they are.
USUAL_CRITERIA = (N_("greeting and tone"), N_("listening"), N_("protocol followed"), N_("message complete and correct"))
