"""The package, the plan of this run, and how the command is started."""

import sys
from pathlib import Path

# In a checkout the package lies beside the workflow; in a wheel the workflow lies inside the package, which is installed.
CHECKOUT = Path(str(workflow.current_basedir)).parents[1] / "scripts"
if (CHECKOUT / "metcn").is_dir() and str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from metcn.cli import snakefile
from metcn.run import stages as layout

PLAN = snakefile.load(config, workflow)

shell.prefix(snakefile.shell_prefix(workflow))


wildcard_constraints:
    sample=snakefile.SAMPLE_PATTERN,
