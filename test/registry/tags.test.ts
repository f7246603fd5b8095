import { describe, expect, it } from "vitest";
import { putImage, type ServedRepository, serveRepository } from "./pull-support.ts";

const listed = async ({ repository }: ServedRepository): Promise<readonly string[]> => {
  const tags: string[] = [];
  for await (const tag of repository.tags()) tags.push(tag);
  return tags;
};

const answer = (body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  kind: "answer" as const,
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

describe("tags", () => {
  it("come page by page, each asked for when the one before is used up", async () => {
    const served = await serveRepository({ pageSize: 2 });
    for (const tag of ["a", "b", "c", "d", "e"]) await putImage(served, tag);
    expect(await listed(served)).toEqual(["a", "b", "c", "d", "e"]);
    expect(served.requests().map(({ url }) => url)).toEqual([
      "/v2/hello/tags/list?n=1000",
      "/v2/hello/tags/list?n=2&last=b",
      "/v2/hello/tags/list?n=2&last=d",
    ]);
    for await (const tag of served.repository.tags()) {
      expect(tag).toBe("a");
      break;
    }
    expect(served.requests()).toHaveLength(1);
  });

  it("are none where the registry has lost the last (null)", async () => {
    const served = await serveRepository({ on: () => answer({ name: "hello", tags: null }) });
    expect(await listed(served)).toEqual([]);
  });

  it("are not found in a repository that is not there", async () => {
    await expect(listed(await serveRepository())).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("follow links by whole address to the same host only", async () => {
    const served: ServedRepository = await serveRepository({
      on: ({ index, headers }) =>
        index === 0
          ? answer({ tags: ["a"] }, { link: `<http://${headers.host}/v2/hello/tags/list?last=a>; rel=next` })
          : answer({ tags: ["b"] }),
    });
    expect(await listed(served)).toEqual(["a", "b"]);
    for (const target of ["https://evil.example/v2/hello/tags/list", "//evil.example/v2/x", "file:///etc/passwd"]) {
      const led = await serveRepository({ on: () => answer({ tags: ["a"] }, { link: `<${target}>; rel="next"` }) });
      await expect(listed(led)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
      expect(led.requests()).toHaveLength(1);
    }
  });

  it("end where the registry sends in circles", async () => {
    const served = await serveRepository({
      on: ({ url }) =>
        answer(
          { tags: ["a"] },
          { link: `</v2/hello/tags/list?last=${url.includes("last=a") ? "b" : "a"}>; rel="next"` },
        ),
    });
    await expect(listed(served)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    expect(served.requests()).toHaveLength(3);
  });

  it("end where the registry always has one more page", async () => {
    const served = await serveRepository({
      on: ({ index }) => answer({ tags: ["a"] }, { link: `</v2/hello/tags/list?last=${index}>; rel="next"` }),
    });
    await expect(listed(served)).rejects.toMatchObject({
      code: "INVALID_RESPONSE",
      message: expect.stringContaining("pages"),
    });
  });

  it("are refused in a page that is too long", async () => {
    const served = await serveRepository({ on: () => ({ kind: "flood", status: 200, bytes: 256 << 20 }) });
    await expect(listed(served)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  for (const [what, body] of [
    ["no JSON", "<html>"],
    ["no list", { name: "hello" }],
    ["no object", [1]],
    ["what is no tag", { tags: ["a", "b/../c"] }],
    ["what is no text", { tags: [1] }],
  ] as const) {
    it(`are refused as ${what}`, async () => {
      const served = await serveRepository({ on: () => answer(body) });
      await expect(listed(served)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    });
  }
});
