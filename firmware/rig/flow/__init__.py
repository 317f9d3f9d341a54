"""The therapy: what should flow now, in whole steps, and what a request may add to it."""
