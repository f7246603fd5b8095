import { describe, expect, it } from "vitest";
import { openHouse, textOf, threeRefs } from "./support.ts";

const golden = (name: string): string => `../golden/exporter/${name}`;

/*
 * The documents of a small image, byte for byte, with the digests of its layers in them. They change with the byte contract
 * only: on purpose, with a line in the CHANGELOG. The gzip engine is part of it.
 */
describe("golden documents", () => {
  const config = {
    entrypoint: ["/app/main", "--title", "<a & b>"],
    env: { LANG: "C.UTF-8" },
    labels: { b: "2", a: "1" },
    exposedPorts: ["8080"],
    user: "1000",
    author: "ünïcode",
    healthcheck: { test: ["CMD", "/ok"], interval: 30 },
    history: [{ createdBy: "COPY base /" }, { createdBy: "ENV LANG", emptyLayer: true }],
  };

  it.each(["gzip", "uncompressed"] as const)("of one platform (%s)", async (compression) => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const image = await house.exporter
      .resolve({ compression, sourceDateEpoch: 1_700_000_000, "annotation.org.opencontainers.image.title": "golden" })
      .export(top, { config });
    const [manifest] = image.manifests;
    if (!manifest) throw new Error("no manifest");
    await expect(await textOf(house.content, manifest.config)).toMatchFileSnapshot(golden("config.json"));
    await expect(await textOf(house.content, image.descriptor)).toMatchFileSnapshot(
      golden(`manifest-${compression}.json`),
    );
    await expect(`${JSON.stringify(image.response, null, 2)}\n`).toMatchFileSnapshot(
      golden(`response-${compression}.json`),
    );
  });

  it("of two platforms, with Docker's media types", async () => {
    const house = openHouse();
    const [base, , top] = await threeRefs(house);
    const image = await house.exporter.resolve({ ociMediatypes: false }).export([
      { platform: { os: "linux", architecture: "amd64" }, ref: top },
      { platform: { os: "linux", architecture: "arm", variant: "v7" }, ref: base },
    ]);
    await expect(await textOf(house.content, image.descriptor)).toMatchFileSnapshot(golden("index-docker.json"));
  });
});
