# Two commands: `make demo` shows a city exchanging data, `make test` passes the tests. Each does all its own set-up.
# PYTHON chooses the interpreter (3.11 or newer); VENV the environment they make and keep.
PYTHON ?= python3
VENV ?= .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
EVENTS ?= 200000
READY := $(VENV)/.ready

.PHONY: demo up down status test browser interop check bench lock clean
demo: $(READY)
	@exec $(BIN)/shutong demo --events $(EVENTS)

up: $(READY)
	@exec $(BIN)/shutong up

down: $(READY)
	@exec $(BIN)/shutong down

status: $(READY)
	@exec $(BIN)/shutong status

# Two at a time, file by file: much of the time they wait for Kafka. Each half has a broker of its own.
test: check browser interop
	$(BIN)/python -m pytest --ignore tests/laws --numprocesses 2 --dist loadfile

# The page is tested in a real browser; without one its tests say that they were skipped.
browser:
	-@sh tests/browser.sh

# Other people's Avro, in C and JavaScript, reads what we write and the other way round; without it its tests say that they were skipped.
interop:
	-@sh tests/interop/fetch.sh

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/laws

bench: $(READY) $(PEERS)/.ready
	$(BIN)/python -m benchmarks

# What benchmarks compare with lives apart: its pins are not ours.
$(PEERS)/.ready: benchmarks/peers/requirements.lock
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --require-hashes -r benchmarks/peers/requirements.lock
	@touch $@

# Every package is pinned by hash in requirements.lock; the project itself is installed in place.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "需要 Python 3.11 以上：make PYTHON=... / Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# After a change of pyproject.toml: the locks again, pins and hashes without any address; the image's holds the same pins.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock:
	$(COMPILE) --extra local --extra test pyproject.toml build-requirements.in -o requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml build-requirements.in -o deploy/requirements.lock
	$(COMPILE) benchmarks/peers/requirements.in -o benchmarks/peers/requirements.lock

clean:
	rm -rf $(VENV) $(PEERS) .shutong .interop
