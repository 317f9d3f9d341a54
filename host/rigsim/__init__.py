"""The simulated rig: the very firmware on a virtual clock, with the pump's physics around it."""
