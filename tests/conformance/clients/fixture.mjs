// An MCP server of both eras on the official SDK that has the tools, prompts and resources the conformance suite
// asks for by name. usage: PORT=n node fixture.mjs
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  CLIENT_CAPABILITIES_META_KEY, createMcpHandler, createRequestStateCodec, inputRequired,
  McpServer, MissingRequiredClientCapabilityError, ProtocolError, ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { answers, prompts, resources, templates, TALL_SCHEMA } from './fixture-data.mjs';

const codec = createRequestStateCodec({ key: randomBytes(32) });
const text = (t) => ({ content: [{ type: 'text', text: t }] });
const object = (properties = {}, required = []) => ({ type: 'object', properties, required });
const string = { type: 'string' };
const ask = (message, properties, required) => ({ message, requestedSchema: object(properties, required) });
const name = () => inputRequired.elicit(ask('What is your name?', { name: string }, ['name']));
const say = (t) => ({ role: 'user', content: { type: 'text', text: t } });
const sample = (t, maxTokens = 100) => inputRequired.createMessage({ messages: [say(t)], maxTokens });

function notify(ctx, method, params) {
  return ctx.mcpReq.notify({ method, params });
}

async function progress(args, ctx) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (const step of [0, 50, 100]) {
    if (progressToken !== undefined) await notify(ctx, 'notifications/progress', { progressToken, progress: step, total: 100 });
    await sleep(50);
  }
  return text('done');
}

async function logging(args, ctx) {
  for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await ctx.mcpReq.log('info', line);
    await sleep(50);
  }
  return text('logged');
}

async function sampling({ prompt }, ctx) {
  const got = await ctx.mcpReq.send({ method: 'sampling/createMessage', params: { messages: [say(prompt)], maxTokens: 100 } });
  return text(`LLM response: ${got.content.text}`);
}

function elicitation(params, words) {
  return async (args, ctx) => {
    const got = await ctx.mcpReq.elicitInput(params(args));
    return text(`${words}: action=${got.action}, content=${JSON.stringify(got.content)}`);
  };
}

// One round of questions, then `finish`. What the client did not answer is asked again.
function rounds(questions, finish, state) {
  return async (args, ctx) => {
    const inputRequests = questions(ctx);
    const got = ctx.mcpReq.inputResponses ?? {};
    const kept = ctx.mcpReq.requestState();
    if (!state && Object.keys(inputRequests).every((k) => got[k])) return finish(got, kept);
    if (state && kept && Object.keys(inputRequests).every((k) => got[k])) return finish(got, kept);
    return inputRequired({ inputRequests, ...(state && { requestState: await codec.mint({ state }) }) });
  };
}

async function threeRounds(args, ctx) {
  const kept = ctx.mcpReq.requestState();
  const got = ctx.mcpReq.inputResponses ?? {};
  if (kept?.step === 2 && got.step2) return text(`${kept.name} likes ${got.step2.content?.color}`);
  if (kept?.step === 1 && got.step1) {
    const requestState = await codec.mint({ step: 2, name: got.step1.content?.name });
    const step2 = inputRequired.elicit(ask('Step 2: What is your favorite color?', { color: string }, ['color']));
    return inputRequired({ inputRequests: { step2 }, requestState });
  }
  const step1 = inputRequired.elicit(ask('Step 1: What is your name?', { name: string }, ['name']));
  return inputRequired({ inputRequests: { step1 }, requestState: await codec.mint({ step: 1 }) });
}

function capabilities(ctx) {
  return ctx.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
}

function onlyDeclared(args, ctx) {
  const has = capabilities(ctx);
  const inputRequests = {};
  if (has.elicitation) inputRequests.user_name = name();
  if (has.sampling) inputRequests.greeting = sample('Generate a greeting');
  return inputRequired({ inputRequests });
}

function missingCapability(args, ctx) {
  if (!capabilities(ctx).sampling) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
  return text('sampling is declared');
}

async function polling(args, ctx) {
  ctx.http?.closeSSE?.();
  await sleep(100);
  return text('after the stream was closed');
}

const confirm = () => inputRequired.elicit(ask('Please confirm', { ok: { type: 'boolean' } }, ['ok']));
const tools = {
  ...Object.fromEntries(Object.entries(answers).map(([k, content]) => [k, { run: () => ({ content }) }])),
  test_error_handling: { run: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }) },
  test_tool_with_progress: { run: progress },
  test_tool_with_logging: { run: logging },
  test_logging_tool: { run: logging },
  test_reconnection: { run: polling },
  test_missing_capability: { run: missingCapability },
  test_streaming_elicitation: { run: rounds(() => ({ user_name: name() }), () => text('streamed')) },
  test_sampling: { schema: object({ prompt: string }, ['prompt']), run: sampling },
  test_elicitation: {
    schema: object({ message: string }, ['message']),
    run: elicitation(({ message }) => ask(message, { username: string, email: string }, ['username', 'email']), 'User response'),
  },
  test_elicitation_sep1034_defaults: {
    run: elicitation(() => ask('Defaults', {
      name: { ...string, default: 'John Doe' }, age: { type: 'integer', default: 30 }, score: { type: 'number', default: 95.5 },
      status: { ...string, enum: ['active', 'inactive', 'pending'], default: 'active' }, verified: { type: 'boolean', default: true },
    }), 'Elicitation completed'),
  },
  test_elicitation_sep1330_enums: {
    run: elicitation(() => ask('Choices', {
      untitledSingle: { ...string, enum: ['option1', 'option2', 'option3'] },
      titledSingle: { ...string, oneOf: [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Option ${n}` })) },
      legacyEnum: { ...string, enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { ...string, enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Choice ${n}` })) } },
    }), 'Elicitation completed'),
  },
  test_input_required_result_elicitation: { run: rounds(() => ({ user_name: name() }), (got) => text(`Hello, ${got.user_name.content?.name}!`)) },
  test_input_required_result_sampling: {
    run: rounds(() => ({ capital_question: sample('What is the capital of France?') }), (got) => text(`${got.capital_question.content?.text}`)),
  },
  test_input_required_result_list_roots: {
    run: rounds(() => ({ client_roots: inputRequired.listRoots() }), (got) => text(got.client_roots.roots?.map((r) => r.uri).join(' '))),
  },
  test_input_required_result_request_state: { run: rounds(() => ({ confirm: confirm() }), () => text('state-ok'), 'asked') },
  test_input_required_result_tampered_state: { run: rounds(() => ({ confirm: confirm() }), () => text('state-ok'), 'sealed') },
  test_input_required_result_multiple_inputs: {
    run: rounds(() => ({ user_name: name(), greeting: sample('Generate a greeting', 50), client_roots: inputRequired.listRoots() }), () => text('all given'), 'three'),
  },
  test_input_required_result_multi_round: { run: threeRounds },
  test_input_required_result_capabilities: { run: onlyDeclared },
  test_x_mcp_header: {
    schema: object({ region: { ...string, 'x-mcp-header': 'Region' } }, ['region']),
    run: ({ region }) => text(`region ${region}`),
  },
  json_schema_2020_12_tool: { schema: TALL_SCHEMA, run: () => text('a schema') },
};

async function getPrompt({ params }, ctx) {
  if (params.name === 'test_input_required_result_prompt') {
    const questions = () => ({ user_context: inputRequired.elicit(ask('What context should the prompt use?', { context: string }, ['context'])) });
    return rounds(questions, (got) => ({ messages: [say(`Context: ${got.user_context.content?.context}`)] }))(params, ctx);
  }
  const prompt = prompts[params.name];
  if (!prompt) throw new ProtocolError(-32602, `there is no prompt ${params.name}`);
  return { messages: prompt.messages(params.arguments ?? {}) };
}

function readResource({ params: { uri } }) {
  if (resources[uri]) return { contents: [{ uri, ...resources[uri].content }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (!id) throw new ResourceNotFoundError(uri);
  return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] };
}

// One server for one session, or for one request of the modern era.
function makeServer(era) {
  const legacy = era === 'legacy';
  const mcp = new McpServer({ name: 'fixture', version: '1' }, {
    capabilities: {
      tools: {}, prompts: {}, completions: {}, logging: {}, resources: legacy ? { subscribe: true } : {},
    },
    requestState: { verify: codec.verify },
    cacheHints: Object.fromEntries(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read', 'server/discover']
      .map((m) => [m, { ttlMs: 60000, cacheScope: 'private' }])),
  });
  // Registered for the SDK's own check of its Mcp-Param-* headers; everything is answered from the tables above.
  mcp.registerTool('test_x_mcp_header', { inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }) }, () => ({}));
  const { server } = mcp;
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(tools).map(([n, t]) => ({ name: n, description: `The tool ${n}`, inputSchema: t.schema ?? object() })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const tool = tools[params.name];
    if (!tool) throw new ProtocolError(-32602, `there is no tool ${params.name}`);
    return tool.run(params.arguments ?? {}, ctx);
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: [...Object.entries(prompts), ['test_input_required_result_prompt', { arguments: [] }]]
      .map(([n, p]) => ({ name: n, description: `The prompt ${n}`, arguments: p.arguments })),
  }));
  server.setRequestHandler('prompts/get', getPrompt);
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(resources).map(([uri, r]) => ({ uri, name: uri, description: `The resource ${uri}`, mimeType: r.content.mimeType })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: templates }));
  server.setRequestHandler('resources/read', readResource);
  server.setRequestHandler('completion/complete', () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
  if (legacy) {
    server.setRequestHandler('resources/subscribe', () => ({}));
    server.setRequestHandler('resources/unsubscribe', () => ({}));
  }
  return mcp;
}

const modern = toNodeHandler(createMcpHandler(() => makeServer('modern'), { legacy: 'reject' }));
const sessions = new Map();

async function serveLegacy(req, res, message) {
  const id = req.headers['mcp-session-id'];
  let transport = sessions.get(id);
  if (id && !transport) {
    res.writeHead(404).end();
    return;
  }
  if (!transport) {
    transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (made) => sessions.set(made, transport),
      onsessionclosed: (ended) => sessions.delete(ended),
    });
    await makeServer('legacy').connect(transport);
  }
  await transport.handleRequest(req, res, message);
}

async function serve(req, res) {
  const parts = [];
  for await (const part of req) parts.push(part);
  let message;
  try {
    message = parts.length ? JSON.parse(Buffer.concat(parts)) : undefined;
  } catch {
    res.writeHead(400).end();
    return;
  }
  const isModern = req.headers['mcp-protocol-version'] >= '2026' || message?.params?._meta?.['io.modelcontextprotocol/protocolVersion'];
  await (isModern ? modern(req, res, message) : serveLegacy(req, res, message));
}

createServer((req, res) => serve(req, res).catch((e) => {
  console.error(e);
  res.destroy();
})).listen(process.env.PORT, '127.0.0.1');
