"""The notebook of docs/, executed as its reader would."""
