# Everything here needs a Python 3.11-3.13 and make, nothing else: `make venv` brings the rest into .venv.
# Another Python: make venv PYTHON=/path/to/python3.12. Without uv: make venv INSTALLER=pip.

SHELL := /bin/sh
.DEFAULT_GOAL := help

BIN := .venv/bin
# A run is many short processes: without bytecode on disk each would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE
STAMP := .venv/installed
INSTALLER ?= uv
CORES ?= 2

# Recursive on purpose: looked for only when an environment has to be made.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	printf '  %-19s %s\n' "$$name" "$$text"; done

.PHONY: venv
venv: $(STAMP) ## make .venv with the locked dependencies and this checkout

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 with its venv module on PATH;" \
	"install one (Debian: apt-get install python3-venv) or name it: make venv PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv

# uv takes seconds where pip takes a minute, so uv comes first: the one on PATH, else the one in the lock. pip is the way
# out when uv cannot be had or cannot reach the index (it does not read pip's configuration of mirrors).
$(STAMP): requirements.txt pyproject.toml | $(BIN)/python
	@if test "$(INSTALLER)" = uv && $(FIND_UV) && \
	"$$uv" pip sync --python $(BIN)/python --require-hashes --quiet requirements.txt && \
	"$$uv" pip install --python $(BIN)/python --no-deps --no-build-isolation --quiet --editable .; then \
		echo "installed with $$("$$uv" --version)"; \
	else \
		echo "installing with pip, about a minute"; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --requirement requirements.txt && \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@

# Sets $uv. The lock's own entry for uv, with its hashes, is what pip installs.
define FIND_UV
if uv --version >/dev/null 2>&1; then uv=uv; else uv=$(BIN)/uv; \
	sed -n '/^uv==/,/[^\\]$$/p' requirements.txt > .venv/uv.txt; \
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --requirement .venv/uv.txt; fi
endef

.PHONY: demo
demo: $(STAMP) ## simulate a small cohort, call it, show the result
	$(BIN)/metcn simulate demo --output demo
	$(BIN)/metcn run --samples demo/samples.tsv --configfile demo/config.yaml --directory demo/out --cores $(CORES)
	@$(BIN)/python -c "$$SHOW_COHORT" demo/out/results

define SHOW_COHORT
import csv, pathlib, sys
results = pathlib.Path(sys.argv[1])
shown = "sample specimen purity met_ratio met_copies met_copies_low met_copies_high met_cep7 focality call qc".split()
with open(results / "cohort.tsv", newline="") as handle:
    rows = [[row[name] or "." for name in shown] for row in csv.DictReader(handle, delimiter="\t")]
widths = [max(map(len, column)) for column in zip(shown, *rows)]
print()
for row in [shown, *rows]:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
print(f"\nwhole table      {results / 'cohort.tsv'}")
print(f"cohort's report  {results / 'report' / 'cohort.html'}")
print(f"sample reports   {results / 'report'}/<sample>.html")
print(f"the simulated truth, to compare: {results.parents[1] / 'truth.tsv'}")
endef
export SHOW_COHORT

.PHONY: test
test: $(STAMP) ## run the default test suite
	$(BIN)/python -m pytest -n $(CORES)

# pytest ends with 5 when no test is marked slow.
.PHONY: test-slow
test-slow: $(STAMP) ## run the tests that take minutes
	$(BIN)/python -m pytest -n $(CORES) -m slow || test $$? -eq 5

.PHONY: test-nightly
test-nightly: $(STAMP) ## run the tests that start the workflow a hundred times
	$(BIN)/python -m pytest -n $(CORES) -m nightly

# Unpacked below build/ and not installed: where Slurm's commands are found and no controller runs, Snakemake's plugin waits
# ten seconds at each start. Packages that the machine has already are not fetched. APT needs no root for this.
# The links stand for Debian's alternatives: a daemon of another name does not know what it is.
.PHONY: slurm
slurm: ## fetch Debian's Slurm for its slow test, without installing it
	rm -rf build/slurm && mkdir -p build/slurm/archives/partial
	apt-get install --yes --quiet=2 --no-install-recommends --download-only --option Debug::NoLocking=1 \
	--option Dir::Cache::archives="$(CURDIR)/build/slurm/archives" slurm-wlm munge
	for package in build/slurm/archives/*.deb; do dpkg --extract "$$package" build/slurm || exit 1; done
	for program in slurmctld slurmd slurmstepd; do ln -s $$program-wlm build/slurm/usr/sbin/$$program || exit 1; done

# MODULES="copies calls/overall" names folders or modules of the package; SEED=... draws other changes, COUNT=... more.
COUNT ?= 30
.PHONY: mutate
mutate: SEED = 1
mutate: $(STAMP) ## which small changes of the core no test notices: a minute per module
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/mutate.py --workers $(CORES) --seed $(SEED) \
	--count $(COUNT) $(MODULES)

.PHONY: lint
lint: $(STAMP) ## check style, types and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check workflow
	$(BIN)/hadolint containers/Dockerfile
	$(BIN)/metcn simulate cohort --format cnn --tumour focal:0.6:12 --output build/lint
	$(BIN)/snakemake --snakefile workflow/Snakefile --configfile build/lint/config.yaml --directory build/lint --lint

.PHONY: format
format: $(STAMP) ## rewrite Python and Snakemake code in the house style
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(BIN)/snakefmt workflow

# Benchmarks read the shared data beside the checkout: SHARED=/path/to/them otherwise. BENCH hands options on, such as
# BENCH=--cnvkit or BENCH="--seeds 1 2 3"; `python benchmarks/normals.py --help` lists them.
SHARED ?= ../shared
BENCH ?=

.PHONY: bench-semisynthetic
bench-semisynthetic: $(STAMP) ## error and interval coverage of MET copies on tumours with a known answer
	$(BIN)/python benchmarks/semisynthetic.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-kinds
bench-kinds: $(STAMP) ## kinds of tumour of the purity fit, and how well they explain profiles left out
	$(BIN)/python benchmarks/kinds.py --shared $(SHARED) $(BENCH)

.PHONY: bench-acgh
bench-acgh: $(STAMP) ## real tumours against array CGH
	$(BIN)/python benchmarks/acgh.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-plasma
bench-plasma: $(STAMP) ## the real plasma titration
	$(BIN)/python benchmarks/plasma.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-normals
bench-normals: $(STAMP) ## real normals left out one by one
	$(BIN)/python benchmarks/normals.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-isolated
bench-isolated: $(STAMP) ## a panel of isolated targets: its tie to off-target bins, and calls
	$(BIN)/python benchmarks/isolated.py --workers $(CORES) $(BENCH)

.PHONY: bench-normalise
bench-normalise: $(STAMP) ## time and memory of normalisation, beside CNVkit's
	$(BIN)/python benchmarks/bench_normalise.py $(BENCH)

.PHONY: bench-shallow
bench-shallow: $(STAMP) ## amplicons found in shallow genomes, where they end, and false positives
	$(BIN)/python benchmarks/shallow.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-thin
bench-thin: $(STAMP) ## shallow genomes from 0.001x to 1x: do intervals hold the truth, is a flat genome fitted
	$(BIN)/python benchmarks/thin.py --workers $(CORES) $(BENCH)

.PHONY: bench-nulls
bench-nulls: $(STAMP) ## how often the scan takes noise, broad steps or real normals for an amplicon
	$(BIN)/python benchmarks/nulls.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-focality
bench-focality: $(STAMP) ## focal, arm or polysomy on real karyotypes
	$(BIN)/python benchmarks/focality.py --shared $(SHARED) $(BENCH)

.PHONY: bench-windows
bench-windows: $(STAMP) ## intervals of MET, CEP7-like and arms on real normals, by the number of other normals
	$(BIN)/python benchmarks/windows.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-fits
bench-fits: $(STAMP) ## purity and ploidy on karyotypes that the fit has not seen
	$(BIN)/python benchmarks/fits.py --shared $(SHARED) $(BENCH)

.PHONY: bench-events
bench-events: $(STAMP) ## calls of designed events of chromosome 7 on real normals
	$(BIN)/python benchmarks/events.py --shared $(SHARED) --workers $(CORES) $(BENCH)

.PHONY: bench-negatives
bench-negatives: $(STAMP) ## wrong negatives, wrong positives and undecided calls, by the number of normals
	$(BIN)/python benchmarks/negatives.py --shared $(SHARED) --workers $(CORES) $(BENCH)

# ACCURACY hands options on: ACCURACY=--check, or ACCURACY="--only simulation titration".
ACCURACY ?=
.PHONY: accuracy
accuracy: $(STAMP) ## remake the tables of docs/accuracy.md
	$(BIN)/python benchmarks/accuracy.py --shared $(SHARED) --workers $(CORES) $(ACCURACY)

# BAM=..., TARGETS=... take a file of yours; otherwise one of READS reads is built in a temporary folder, of a KIND:
# panel, swgs (a shallow genome) or slice (a chromosome at the depth of WGS).
READS ?= 8000000
KIND ?= panel
.PHONY: bench-counts
bench-counts: $(STAMP) ## counting against samtools, mosdepth and CNVkit
	$(BIN)/python benchmarks/bench_counts.py $(BAM) $(if $(TARGETS),--targets $(TARGETS)) --kind $(KIND) \
	--reads $(READS)

# SEED=... damages others than make test-slow does.
SEED ?= 1000
.PHONY: fuzz
fuzz: $(STAMP) ## thousands of damaged BAMs, CRAMs and indices: none crashes, hangs or loses reads unnoticed
	METCN_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -m slow tests/whole/test_fuzz.py

# DEPTH=... sets the depth of the genome that is built, 1 GB at 0.7.
DEPTH ?= 0.7
.PHONY: bench-guided
bench-guided: $(STAMP) ## reading a part of a genome against reading all of it
	$(BIN)/python benchmarks/bench_guided.py $(BAM) --depth $(DEPTH)

.PHONY: bench
bench: ## list the benchmarks
	@$(MAKE) --no-print-directory help | grep -E '^ *bench-' || echo "no benchmark targets yet"

# Keeps what is locked as long as the ranges allow; LOCK_FLAGS=--upgrade takes the newest. One version of each package
# for every Python, so that the numbers do not depend on the interpreter.
.PHONY: lock
lock: $(STAMP) ## bring requirements.txt up to pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra slurm --extra cluster --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --custom-compile-command "make lock" --quiet $(LOCK_FLAGS) \
	--output-file requirements.txt

.PHONY: clean
clean: ## remove everything made here, the environment too
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
