// Calls every method of a server, knowing no more than the contract, and prints what came back.
//
//   node client.cjs ADDRESS RISKMASK_PROTO HEALTH_PROTO ORIGINAL RECONSTRUCTION

"use strict";

const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, contract, healthContract, originalFile, reconstructionFile] = process.argv.slice(2);
const original = { encoded: fs.readFileSync(originalFile) };
const reconstruction = { encoded: fs.readFileSync(reconstructionFile) };

function load(file) {
  const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
  return grpc.loadPackageDefinition(loader.loadSync(file, options));
}

const riskmask = load(contract).riskmask.v1;
const Health = load(healthContract).grpc.health.v1.Health;
// the authority of a Unix socket would be its path, which is no name of a host
const options = { "grpc.default_authority": "localhost", "grpc.max_receive_message_length": 75497472 };
const credentials = grpc.credentials.createInsecure();
const service = new riskmask.RiskService(address, credentials, options);
const health = new Health(address, credentials, options);
const call = { deadline: Date.now() + 240_000 };

function ask(client, method, request) {
  return new Promise((resolve) => {
    client[method](request, call, (error, response) => {
      if (!error) return resolve(response);
      const [bytes] = error.metadata.get("riskmask-status-bin");
      resolve({ code: error.code, details: error.details, has_status: Boolean(bytes) });
    });
  });
}

function stream(requests) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const many = service.AnalyzeStream(call);
    many.on("data", (answer) => answers.push(answer));
    many.on("error", reject);
    many.on("end", () => resolve(answers));
    for (const request of requests) many.write(request);
    many.end();
  });
}

function summary(analysis) {
  return {
    decision: analysis.decision,
    width: analysis.image.width,
    sha256: analysis.image.sha256,
    regions: analysis.regions.map(({ box, risk }) => ({ box, risk })),
    masks: analysis.masks.map(({ type, png, stride }) => ({
      type,
      stride,
      png: png.toString("base64"),
    })),
  };
}

async function main() {
  const request = { image: original, target: { bpp: 0.03 }, masks: ["MASK_TYPE_RISK"] };
  const checked = await ask(health, "Check", {});
  const info = await ask(service, "GetServerInfo", {});
  const one = await ask(service, "Analyze", request);
  const broken = { image: { encoded: Buffer.from("no image") } };
  const refused = await ask(service, "Analyze", broken);
  const many = await stream([
    { request_id: "good", request },
    { request_id: "bad", request: broken },
    { request_id: "good again", request },
  ]);
  const pair = { original, reconstruction, annotators: ["text", "amplitude"] };
  const verified = await ask(service, "Verify", pair);
  const missing = await ask(service, "Verify", { ...pair, annotators: ["face"] });
  console.log(
    JSON.stringify({
      health: checked.status,
      version: info.server_version,
      annotators: info.annotators,
      limit: info.limits.max_message_bytes,
      analysis: summary(one.analysis),
      refused,
      stream: many.map(({ request_id, status, analysis }) => ({
        request_id,
        reason: status.reason,
        analysis: analysis && summary(analysis),
      })),
      findings: verified.findings.map(({ mask, ...finding }) => ({
        ...finding,
        mask: mask && mask.png.toString("base64"),
      })),
      missing,
    }),
  );
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => {
    service.close();
    health.close();
  });
