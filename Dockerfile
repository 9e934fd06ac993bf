# The image that every step, trainer and trial runs. Base images are pinned here; append a digest to pin harder.
ARG BASE=python:3.10-slim-bookworm

FROM ${BASE} AS dependencies
ARG UV_VERSION=0.13.9
# pyfarmhash, which TensorFlow Data Validation needs, comes as source only; binutils (with g++) has `strip`.
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends g++ >/dev/null
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore "uv==${UV_VERSION}"
# gpu: adds the CUDA libraries that TensorFlow was built with. tpu: TensorFlow for TPUs in its place; libtpu is on no
# package index, so LIBTPU_WHEELS says where (a folder or page of wheels).
ARG ACCELERATOR=""
ARG LIBTPU_WHEELS=""
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never && \
    case "${ACCELERATOR}" in gpu) extra="--extra gpu" ;; "" | tpu) extra="" ;; *) \
        echo "ACCELERATOR is '${ACCELERATOR}', but has to be gpu, tpu or empty." >&2 && exit 2 ;; esac && \
    uv sync --quiet --frozen --no-dev --group s3 ${extra} --no-install-project --python /usr/local/bin/python3.10 && \
    if [ "${ACCELERATOR}" = tpu ]; then \
        uv pip uninstall --quiet --python .venv/bin/python tensorflow && \
        uv pip install --quiet --python .venv/bin/python --no-deps --find-links "${LIBTPU_WHEELS:?says where libtpu is}" \
            tensorflow-tpu==2.16.2 libtpu==2.16.0rc0; fi && \
    cd .venv/lib/python3.10/site-packages && \
    # Headers, test suites and debug symbols are 0.7 GB that no step reads.
    rm -rf tensorflow/include pyarrow/include && \
    find . -depth -type d -name tests -exec rm -rf {} + && find . -name '*.a' -delete && \
    strip --strip-unneeded tensorflow/libtensorflow_cc.so.2 tensorflow/libtensorflow_framework.so.2 && \
    # The root file system is read-only in a pod, so byte code is written now or at every start. A few files are for
    # other Pythons (templates, vendored Python 2): compileall says so and goes on.
    { python -m compileall -q -j 0 . >/dev/null || true; }

FROM ${BASE}
# Libraries ask for the user's name; not every slim base has useradd.
RUN echo 'lodestar:x:1000:' >>/etc/group && echo 'lodestar:x:1000:1000::/tmp:/usr/sbin/nologin' >>/etc/passwd
WORKDIR /app
COPY --from=dependencies /app/.venv .venv
# Only /tmp and volumes can be written to.
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    TF_CPP_MIN_LOG_LEVEL=2
# Last, so that an edited source file costs this layer and no other.
COPY . .
RUN PYTHONDONTWRITEBYTECODE= python -m compileall -q pipelines hparam components
USER 1000:1000
ENTRYPOINT ["python", "-m", "pipelines"]
