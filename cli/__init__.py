"""The command line: starts the one-machine stack, and talks HTTP to a running one. Never imports web or worker.

commands   main.py, and a file per group: submit generate watch results jobs datasets lists keys | up demo doctor backup reindex
asking     client.py (HTTP) multipart.py; what commands name: connect.py inputs.py params.py; uploads.py downloads.py
showing    outputs.py, which draws on a terminal (drawn.py curves.py) and writes lines for programs (tabbed.py); view.py of a
           watched job, report.py of a dataset; screen.py: widths, colours, bars
running    stack.py of processes (child.py tether.py background.py), server.py embedded, devices.py, installation.py
"""
