"""How the service stands: what is counted, whether a verdict can be given, and its end."""
