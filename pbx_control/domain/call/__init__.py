"""One call: what it is (model), what happens to it (events), what is to be done (commands), and the rules (flow)."""
