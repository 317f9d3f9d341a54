"""The journal on flash: records, checkpoints, documents that outlast a power cut."""
