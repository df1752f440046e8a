# docker build -t zendo . && docker run -p 8080:8080 -v zendo:/data zendo
# The first start prints the admin's password; `docker logs` shows it.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY benches benches
COPY build build
COPY crates crates
COPY migrations migrations
COPY src src
COPY templates templates
COPY contract contract
RUN cargo build --profile dist --locked --bin zendo && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/zendo /usr/local/bin/zendo
COPY --from=build --chown=nonroot:nonroot --chmod=0700 /data /data
ENV ZENDO_LISTEN=0.0.0.0:8080 ZENDO_DATA_DIR=/data ZENML_SERVER_DEPLOYMENT_TYPE=docker
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["zendo", "healthcheck"]
ENTRYPOINT ["zendo"]
CMD ["serve"]
