"""Decide which pushed versions serve, and move running servers there.

`state` is what is deployed and how it changes, `store` keeps it, `config` writes it as a server's list of
models, `fleet` talks to the servers, `rollout` makes the move. Nothing here imports TensorFlow, so that a
rollback is seconds from the command to the last server.
"""
