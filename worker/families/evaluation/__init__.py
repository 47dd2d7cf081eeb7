"""How good a model is, one module per kind of task: classes, regression, series. Figures, what to look at, the comparison."""
