"""What can be done: each change to the office, to money or to what is kept is one function here, whoever asks."""
