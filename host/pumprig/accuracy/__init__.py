"""Start-up and trumpet graphs, occlusion tests: the figures of accuracy of a weighing."""
