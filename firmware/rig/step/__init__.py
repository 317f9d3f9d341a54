"""Steps as hardware makes them: words, queue, state machines, the count."""
