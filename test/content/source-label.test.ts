import { describe, expect, it } from "vitest";
import { addedSources, sourceLabel, sourceRepositories } from "../../src/content/source-label.ts";

describe("the source label", () => {
  it("is containerd's", () => {
    expect(sourceLabel("docker.io")).toBe("containerd.io/distribution.source.docker.io");
    expect(sourceLabel("localhost:5000")).toBe("containerd.io/distribution.source.localhost:5000");
  });

  it("lists repositories of one registry", () => {
    const labels = { [sourceLabel("docker.io")]: "library/alpine,library/debian", [sourceLabel("ghcr.io")]: "a/b" };
    expect(sourceRepositories(labels, "docker.io")).toEqual(["library/alpine", "library/debian"]);
    expect(sourceRepositories(labels, "quay.io")).toEqual([]);
  });

  it("grows in order and without duplicates", () => {
    const here = { [sourceLabel("docker.io")]: "library/debian", "slipway.dev/diffid": "sha256:1" };
    const there = { [sourceLabel("docker.io")]: "library/alpine", [sourceLabel("ghcr.io")]: "a/b", other: "x" };
    expect(addedSources(here, there)).toEqual({
      [sourceLabel("docker.io")]: "library/alpine,library/debian",
      [sourceLabel("ghcr.io")]: "a/b",
    });
    expect(addedSources(here, here)).toEqual({});
  });

  it("stays as it is where it would become longer than containerd allows", () => {
    const full = { [sourceLabel("docker.io")]: "a".repeat(4000) };
    expect(addedSources(full, { [sourceLabel("docker.io")]: "b".repeat(200) })).toEqual({});
  });
});
