"""Devices for other laboratory frameworks, over the public interface alone; each needs its extra installed."""
