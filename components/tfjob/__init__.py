"""Training in replicas: started by the Trainer node, followed to the end, the model collected.

`executor` is the node's; `follow` drives one of two launchers: `processes`, on
this machine, and `job`, a TFJob.
"""
