"""The firmware of the rig: start > rig > line > boot > watch | log > flow | step > board."""
