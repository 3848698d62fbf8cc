"""Importers, one a file: what was recorded elsewhere becomes a tape."""




