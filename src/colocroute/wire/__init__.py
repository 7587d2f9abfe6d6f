"""Sans-IO codecs: bytes in, values out.  None knows another, routing, or a socket."""
