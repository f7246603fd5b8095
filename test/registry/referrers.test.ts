import { describe, expect, it } from "vitest";
import { type Descriptor, OCI_TYPES } from "../../src/oci/index.ts";
import { requestLine } from "../support/registry-server/test-registry.ts";
import { putImage, putManifest, type ServedRepository, serveRepository } from "./pull-support.ts";

const SBOM = "application/spdx+json";
const SIGNATURE = "application/vnd.example.signature";
const empty = { mediaType: OCI_TYPES.empty, digest: `sha256:${"4".repeat(64)}`, size: 2 };

/** An artifact about `subject`. */
function putReferrer(served: ServedRepository, subject: Descriptor, artifactType: string, note: string) {
  const annotations = { note };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_TYPES.manifest,
    artifactType,
    config: empty,
    layers: [],
    subject,
  };
  return putManifest(served, { ...manifest, annotations }, OCI_TYPES.manifest);
}

describe("referrers", () => {
  it("are listed by the API over all its pages, or those of one type", async () => {
    const served = await serveRepository({ pageSize: 2 });
    const { descriptor } = await putImage(served, "1");
    const signatures = ["a", "b", "c"].map((note) => putReferrer(served, descriptor, SIGNATURE, note));
    const sbom = putReferrer(served, descriptor, SBOM, "d");
    const all = await served.repository.referrers(descriptor.digest);
    expect(all.map(({ digest }) => digest)).toEqual([...signatures, sbom]);
    expect(all[0]).toMatchObject({ artifactType: SIGNATURE, annotations: { note: "a" } });
    expect(served.requests()).toHaveLength(2);
    const some = await served.repository.referrers(descriptor.digest, { artifactType: SBOM });
    expect(some.map(({ digest }) => digest)).toEqual([sbom]);
    expect(served.requests()[0]?.url).toContain("?artifactType=application%2Fspdx%2Bjson");
  });

  it("are filtered here where the registry does not", async () => {
    const served = await serveRepository();
    const { descriptor } = await putImage(served, "1");
    putReferrer(served, descriptor, SIGNATURE, "a");
    const sbom = putReferrer(served, descriptor, SBOM, "b");
    const { fetch: real } = globalThis;
    const unfiltered = await serveRepository({}, { fetch: (input) => real(String(input).split("?")[0] ?? "") });
    for (const [name, repository] of served.registry.repositories)
      unfiltered.registry.repositories.set(name, repository);
    const some = await unfiltered.repository.referrers(descriptor.digest, { artifactType: SBOM });
    expect(some.map(({ digest }) => digest)).toEqual([sbom]);
    expect(unfiltered.requests().map(({ url }) => url)).toEqual([`/v2/hello/referrers/${descriptor.digest}`]);
  });

  it("are none of what nothing refers to", async () => {
    for (const referrers of [true, false]) {
      const served = await serveRepository({ referrers });
      const { descriptor } = await putImage(served, "1");
      expect(await served.repository.referrers(descriptor.digest)).toEqual([]);
    }
  });

  for (const fault of [
    { kind: "answer", status: 404 },
    { kind: "answer", status: 405 },
    { kind: "answer", status: 400 },
    { kind: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>" },
  ] as const) {
    it(`are listed by the fallback tag where the API answers ${fault.status} ${"body" in fault ? "with a page" : ""}`, async () => {
      const served = await serveRepository({ on: ({ url }) => (url.includes("/referrers/") ? fault : undefined) });
      const { descriptor } = await putImage(served, "1");
      const manifests = [
        { ...empty, mediaType: OCI_TYPES.manifest, artifactType: SIGNATURE },
        { ...empty, digest: `sha256:${"5".repeat(64)}`, mediaType: OCI_TYPES.manifest, artifactType: SBOM },
      ];
      const tag = descriptor.digest.replace(":", "-");
      putManifest(served, { schemaVersion: 2, mediaType: OCI_TYPES.index, manifests }, OCI_TYPES.index, tag);
      expect(await served.repository.referrers(descriptor.digest)).toEqual(manifests);
      expect(served.requests().map(requestLine)).toEqual([
        `GET /v2/hello/referrers/${descriptor.digest}`,
        `GET /v2/hello/manifests/${tag}`,
      ]);
      expect(await served.repository.referrers(descriptor.digest, { artifactType: SBOM })).toEqual([manifests[1]]);
    });
  }

  it("refuse a fallback tag that is an image", async () => {
    const served = await serveRepository({ referrers: false });
    const { descriptor } = await putImage(served, "1");
    await putImage(served, descriptor.digest.replace(":", "-"));
    await expect(served.repository.referrers(descriptor.digest)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  });

  it("shorten a sha512 for the fallback tag as the specification says", async () => {
    const served = await serveRepository({ referrers: false });
    expect(await served.repository.referrers(`sha512:${"a".repeat(128)}`)).toEqual([]);
    expect(served.requests().map(requestLine).at(-1)).toBe(`GET /v2/hello/manifests/sha512-${"a".repeat(64)}`);
  });
});
