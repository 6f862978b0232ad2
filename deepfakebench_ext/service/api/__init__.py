"""The HTTP interface: routes, who may call them, uploads, events."""
