# The server with everything it needs: the locked packages in a virtual environment, the code, the demo model.
#     docker build -t slipway . && docker run --rm -p 8080:8080 slipway
# docs/image.md says what is in it and how to run it with less than everything.
# A release can pin the base to the byte: --build-arg BASE=python@sha256:...
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends binutils >/dev/null \
    && rm -rf /var/lib/apt/lists/*
# For models that need no TensorFlow, a third of the size: --build-arg TENSORFLOW=no.
ARG TENSORFLOW=yes
COPY requirements.txt requirements-without-tensorflow.txt /
RUN python -m venv --without-pip /opt/venv \
    && case $TENSORFLOW in yes) lock=requirements ;; no) lock=requirements-without-tensorflow ;; \
        *) echo "TENSORFLOW=$TENSORFLOW: must be yes or no" >&2; exit 1 ;; esac \
    && python -m pip --python /opt/venv/bin/python install --quiet --no-compile \
        --no-deps --require-hashes --only-binary :all: -r "/$lock.txt"
# What is for compiling against TensorFlow, what is never imported and the symbols that only a debugger reads are
# two fifths of it; half of OpenVINO is for other processors and for files that nothing here reads: forms in eight
# bits are its own, `ir`. Half of ONNX Runtime is the same once more, for other languages, and tools for making models.
# numpy.testing, which others import, needs one file of numpy's tests.
WORKDIR /opt/venv
RUN rm -rf lib/python3.*/site-packages/tensorflow/include \
        lib/python3.*/site-packages/tensorflow/xla_aot_runtime_src \
        lib/python3.*/site-packages/clang lib/python3.*/site-packages/libclang-* \
        lib/python3.*/site-packages/onnxruntime/capi/libonnxruntime.so.* \
        lib/python3.*/site-packages/onnxruntime/transformers \
        lib/python3.*/site-packages/onnxruntime/quantization \
        lib/python3.*/site-packages/onnxruntime/tools \
        lib/python3.*/site-packages/openvino/include lib/python3.*/site-packages/openvino/libs/cache.json \
        lib/python3.*/site-packages/openvino/libs/libopenvino_intel_[gn]pu_* \
        lib/python3.*/site-packages/openvino/libs/libopenvino_[!i]*_frontend.so* \
    && find lib -path '*/tensorflow/libtensorflow*.so.2' -exec strip --strip-all {} +
COPY requirements-xgboost.txt requirements-records.txt /
# For models that are boosters of XGBoost: --build-arg XGBOOST=yes, some 130 MB more.
ARG XGBOOST=
# For predictions that are sent to BigQuery or to a bucket: --build-arg RECORDS=yes, some 260 MB more.
ARG RECORDS=
RUN [ -z "$XGBOOST$RECORDS" ] || python -m pip --python /opt/venv/bin/python install --quiet --no-compile \
        --no-deps --require-hashes --only-binary :all: \
        ${XGBOOST:+-r /requirements-xgboost.txt} ${RECORDS:+-r /requirements-records.txt}
RUN find . -type d -name tests -not -path '*/numpy/_core/tests' -prune -exec rm -rf {} + \
    && find . -path '*/numpy/_core/tests/*' -not -name __init__.py -not -name _natype.py -delete \
    && find . \( -name '*.a' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' \) -delete \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash lib
# Makes /app importable without installing it, so that a change of code leaves this stage as it is.
RUN echo /app > "$(echo /opt/venv/lib/python3.*/site-packages)/slipway.pth" \
    && printf '%s\n' '#!/opt/venv/bin/python' 'import sys' 'from app.cli import main' 'sys.exit(main())' \
        > /opt/venv/bin/slipway \
    && chmod 755 /opt/venv/bin/slipway

FROM ${BASE}
LABEL org.opencontainers.image.title="Slipway" \
      org.opencontainers.image.description="Puts a trained Mask R-CNN live behind HTTP" \
      org.opencontainers.image.licenses="MIT"
# The base has no bytecode of the standard library, and a file system that is only read never gets it.
RUN python -m pip uninstall --quiet --yes --root-user-action ignore pip \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(ensurepip|idlelib|lib2to3|pydoc_data|site-packages|turtledemo)/' /usr/local/lib/python3.*
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    PREDICTION_LOG=/var/lib/slipway/predictions.sqlite
# The prediction log, on a disk. As with /tmp anybody may write there, and nobody remove another's file.
RUN install -d -m 1777 /var/lib/slipway
VOLUME /var/lib/slipway
# Where models are copied to and mounted for MODEL_NAME.
WORKDIR /models
WORKDIR /app
# From what changes least to what changes most.
COPY models models
COPY nginx.conf uwsgi.ini LICENSE ./
COPY mrcnn mrcnn
COPY app app
RUN python -m compileall -q --invalidation-mode unchecked-hash app mrcnn
# Any other will do, root's and one without a name too: nothing is written outside of /tmp and /var/lib/slipway.
USER 10001:10001
EXPOSE 8080 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 CMD ["slipway", "ready"]
ENTRYPOINT ["slipway"]
CMD ["serve"]
