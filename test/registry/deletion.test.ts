import { describe, expect, it } from "vitest";
import { putBlob, putImage, serveRepository } from "./pull-support.ts";

describe("deletion", () => {
  it("takes a tag away and leaves its manifest", async () => {
    const served = await serveRepository();
    const { descriptor } = await putImage(served, "1");
    await served.repository.deleteManifest("1");
    await expect(served.repository.resolve("1")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await served.repository.resolve(descriptor.digest)).toEqual(descriptor);
  });

  it("takes a manifest away with its tags, and a blob", async () => {
    const served = await serveRepository();
    const { descriptor } = await putImage(served, "1");
    await served.repository.deleteManifest(descriptor.digest);
    await expect(served.repository.resolve("1")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const digest = putBlob(served, new Uint8Array(10));
    await served.repository.deleteBlob(digest);
    expect(await served.repository.hasBlob(digest)).toBeUndefined();
  });

  it.each([200, 202, 204])("takes %d for success", async (status) => {
    const served = await serveRepository({ on: () => ({ kind: "answer", status }) });
    await expect(served.repository.deleteManifest("1")).resolves.toBeUndefined();
  });

  it("does not find what is not there", async () => {
    const served = await serveRepository();
    await expect(served.repository.deleteManifest("1")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const digest = `sha256:${"0".repeat(64)}` as const;
    await expect(served.repository.deleteBlob(digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("says where it is switched off", async () => {
    const served = await serveRepository({ deletion: false });
    const { descriptor } = await putImage(served, "1");
    await expect(served.repository.deleteManifest(descriptor.digest)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("switched off"),
    });
    await expect(served.repository.deleteBlob(descriptor.digest)).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("remembers nothing of what it took away", async () => {
    const served = await serveRepository();
    const { descriptor } = await putImage(served, "1");
    await served.repository.fetchManifest("1");
    await served.repository.deleteManifest(descriptor.digest);
    await expect(served.repository.content.info(descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
