"""The clock: how long a job will take, told before it is submitted, in the queue, while it runs and until it has ended.

One model for all four. A job is phases (see shared/jobs/job.py, Progress). What a phase costs is known from this very job's own
measured phases, from what ended jobs of this installation cost, or not yet.

    features.py   what the cost of a job may go by: its params, the sizes of its inputs, its device
    cost.py       what an ended job cost, phase by phase, as it is kept
    lengths.py    a length of time that is not known exactly
    learning.py   lengths of phases from the costs of ended jobs: a regression
    plan.py       how many steps and evaluations a job will have, before it says so itself
    early_stops.py  when a training that may stop early will
    own_pace.py   what a running job says of its own pace
    rest.py       seconds of phases still to come, drawn a hundred times and summed up
    futures.py    the rest of a job from all of that
    estimate.py   median and range of it, and what it is known from
    words.py      the same for people

Pure: nothing here talks to Redis (shared/jobs/costs.py does) or loads arrays. No recipe is named.
"""
