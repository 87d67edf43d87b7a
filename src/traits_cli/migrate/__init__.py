"""`traits migrate`: plans codemods from the manifest, applies them, and rolls them back."""
