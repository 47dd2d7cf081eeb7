# Three images from one file: web (no TensorFlow), worker (CPU) and worker-gpu (CUDA libraries from PyPI; needs the host's
# NVIDIA driver and container toolkit). Versions and hashes come from requirements/, exported from uv.lock.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    TRAINYARD_DATA=/data
RUN useradd --system --uid 10001 --create-home trainyard && mkdir /data && chown trainyard /data
WORKDIR /app

FROM base AS web
COPY requirements/web.txt requirements/
RUN pip install --require-hashes -r requirements/web.txt
COPY shared shared
COPY web web
COPY cli cli
USER trainyard
EXPOSE 8000
CMD ["python", "-m", "web"]

FROM base AS worker-base
COPY requirements/worker.txt requirements/worker-gpu.txt requirements/

FROM worker-base AS worker
RUN pip install --require-hashes -r requirements/worker.txt
COPY shared shared
COPY worker worker
USER trainyard
CMD ["python", "-m", "worker"]

FROM worker-base AS worker-gpu
RUN pip install --require-hashes -r requirements/worker-gpu.txt
COPY shared shared
COPY worker worker
USER trainyard
CMD ["python", "-m", "worker"]
