"""What is wrong here, and is this new rig wired right: the doctor's checks and the bring-up."""
