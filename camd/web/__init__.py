"""HTTP and WebSocket: the web site, its resources and the live API."""
