// The GraphQL page: asks this server only, and puts what it hears on the page as text, never as markup.
'use strict'

const at = (id) => document.getElementById(id)
const PROTOCOL = 'graphql-transport-ws'
const OF = 'kind name ofType { kind name ofType { kind name ofType { kind name } } }'
const SCHEMA = `{ __schema { queryType { name } subscriptionType { name } types {
  kind name description enumValues { name }
  fields(includeDeprecated: true) { name description isDeprecated deprecationReason type { ${OF} }
    args { name description defaultValue type { ${OF} } } }
  inputFields { name description type { ${OF} } } } } }`

let proof = null
let socket = null
let types = new Map()
const seen = []

const show = (value) => { at('answer').textContent = typeof value === 'string' ? value : JSON.stringify(value, null, 2) }
const say = (words) => { at('state').textContent = words }

async function ask(question) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' }
  if (proof) headers.Authorization = proof
  const began = performance.now()
  const answer = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify(question) })
  const text = await answer.text()
  say(`${answer.status} in ${Math.round(performance.now() - began)} ms, ${text.length} characters`)
  return JSON.parse(text)
}

function question() {
  const given = at('variables').value.trim()
  return { query: at('document').value, ...(given ? { variables: JSON.parse(given) } : {}) }
}

async function run() {
  if (socket) socket.close()
  try {
    const asked = question()
    if (/^\s*(#.*\n\s*)*subscription\b/.test(asked.query)) follow(asked)
    else show(await ask(asked))
  } catch (error) {
    show(String(error))
  }
}

function follow(asked) {
  socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/graphql', PROTOCOL)
  const told = []
  socket.onopen = () => socket.send(JSON.stringify({
    type: 'connection_init', payload: proof ? { authorization: proof } : {},
  }))
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data)
    if (message.type === 'connection_ack') {
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: asked }))
      say('waiting')
    } else if (message.type === 'ping') {
      socket.send(JSON.stringify({ type: 'pong' }))
    } else if (message.payload) {
      told.push(message.payload)
      show(told)
    }
  }
  socket.onclose = (event) => say(`closed: ${event.code} ${event.reason}`)
}

function element(name, text) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  return made
}

// A type as it is written, its name a button that leads to it.
function written(type) {
  const line = element('span')
  const before = [], after = []
  for (; type.ofType; type = type.ofType) {
    if (type.kind === 'LIST') { before.push('['); after.unshift(']') } else after.unshift('!')
  }
  const button = element('button', type.name)
  button.className = 'type'
  const name = type.name
  button.onclick = () => open(name)
  line.append(before.join(''), button, after.join(''))
  return line
}

function told(list, one, name) {
  const head = element('dt', name)
  if (one.type) head.append(': ', written(one.type))
  list.append(head)
  const words = [one.description, one.isDeprecated ? `Deprecated: ${one.deprecationReason}` : ''].filter(Boolean)
  if (words.length) list.append(element('dd', words.join(' ')))
}

function open(name) {
  seen.push(name)
  at('back').hidden = seen.length < 2
  const type = types.get(name)
  const list = element('dl')
  for (const field of type.fields ?? []) {
    told(list, field, field.name)
    for (const argument of field.args) {
      const line = element('dd', `${argument.name}: `)
      line.append(written(argument.type), argument.defaultValue ? ` = ${argument.defaultValue}` : '')
      list.append(line)
    }
  }
  for (const field of type.inputFields ?? []) told(list, field, field.name)
  for (const value of type.enumValues ?? []) told(list, {}, value.name)
  at('docs').replaceChildren(element('h2', `${type.kind.toLowerCase().replace('_', ' ')} ${name}`),
    element('p', type.description ?? ''), list)
}

async function load() {
  const answer = await ask({ query: SCHEMA })
  if (!answer.data) return show(answer)
  const schema = answer.data.__schema
  types = new Map(schema.types.map((one) => [one.name, one]))
  seen.length = 0
  open(schema.queryType.name)
}

at('who').onsubmit = (event) => {
  event.preventDefault()
  const pair = new TextEncoder().encode(`${at('name').value}:${at('secret').value}`)
  proof = at('name').value ? `Basic ${btoa(String.fromCharCode(...pair))}` : null
  load()
}
at('run').onclick = run
at('load').onclick = load
at('back').onclick = () => { seen.pop(); open(seen.pop()) }
at('document').onkeydown = at('variables').onkeydown = (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run() }
}
