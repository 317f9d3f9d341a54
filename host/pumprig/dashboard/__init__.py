"""The live web page: a server on this computer alone, beside the hub."""
