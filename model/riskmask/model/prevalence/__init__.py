"""How often codecs change what a picture says, and what that depends on."""
