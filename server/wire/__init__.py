"""What a request passes on its way in and its answer on its way out: the socket and the layers around all routes."""
