"""The pump's physics: rotor, fluid, supply and sensors, advanced only when somebody looks."""
