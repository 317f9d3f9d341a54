"""The calibration bench: weighings in, volumes with their uncertainty out."""
