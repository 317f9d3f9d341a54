"""A lab of rigs: this computer's store to an MQTT broker, and from there into one PostgreSQL database."""
