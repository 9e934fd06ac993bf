"""A model server with the API of TF Serving."""
