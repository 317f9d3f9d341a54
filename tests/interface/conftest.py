"""A home with a private simulated rig, as the hub's tests have it."""

from hub.conftest import place as place
