"""The exchange with an account, against a slow model of its rules written independently."""
