"""What CI looks at beside the code: advisories on what is installed, and secrets that were committed."""
