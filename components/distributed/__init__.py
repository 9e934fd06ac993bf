"""Training on several processes: what each replica does, wherever it runs.

`cluster` says who takes part, `request` what is to be trained, `replica` is the process, `training` what a
family's `run_fn` sees of it, `backup` the state that a restarted replica continues from, `watchdog` ends a
replica that hangs, `exits` tells which ends are worth a restart.
"""
