// What fixture.mjs serves where nothing has to be computed.
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==';
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const text = (t) => ({ type: 'text', text: t });
const resource = (uri, mimeType, t) => ({ type: 'resource', resource: { uri, mimeType, text: t } });
const user = (content) => ({ role: 'user', content });
const required = (name) => ({ name, description: `The argument ${name}`, required: true });

// Tools that give the same whatever they are asked.
export const answers = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'), image,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
};

export const prompts = {
  test_simple_prompt: { arguments: [], messages: () => [user(text('This is a simple prompt for testing.'))] },
  test_prompt_with_arguments: {
    arguments: [required('arg1'), required('arg2')],
    messages: (a) => [user(text(`Prompt with arguments: arg1='${a.arg1}', arg2='${a.arg2}'`))],
  },
  test_prompt_with_embedded_resource: {
    arguments: [required('resourceUri')],
    messages: (a) => [
      user(resource(a.resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ],
  },
  test_prompt_with_image: { arguments: [], messages: () => [user(image), user(text('Please analyze the image above.'))] },
};

export const resources = {
  'test://static-text': { content: { mimeType: 'text/plain', text: 'This is the content of the static text resource.' } },
  'test://static-binary': { content: { mimeType: 'image/png', blob: PNG } },
  'test://watched-resource': { content: { mimeType: 'text/plain', text: 'Watched.' } },
};

export const templates = [
  { uriTemplate: 'test://template/{id}/data', name: 'template', description: 'Data of an id', mimeType: 'application/json' },
];

// Every keyword that a careless intermediary would lose.
export const TALL_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};
