// What the pages do without, and are handier with: they are whole without this file. It asks this server only.
'use strict'

const find = document.getElementById('q')

// A choice of persona or purpose is taken at once.
for (const choice of document.querySelectorAll('.switch select')) {
  choice.addEventListener('change', () => choice.form.requestSubmit())
}
for (const button of document.querySelectorAll('.switch button')) button.classList.add('quiet')

// "/" goes to the search; Escape leaves it.
document.addEventListener('keydown', (event) => {
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
  if (event.key === '/' && find && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault()
    find.focus()
    find.select()
  } else if (event.key === 'Escape' && event.target === find) {
    find.blur()
  } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault()
    event.target.form.requestSubmit()
  }
})

// On the page of results these follow what is written; only the last question's answer is shown.
const results = document.getElementById('results')
if (find && results) {
  let waiting = 0
  let asked = 0
  find.addEventListener('input', () => {
    clearTimeout(waiting)
    waiting = setTimeout(async () => {
      const turn = ++asked
      const address = `${find.form.action}?${new URLSearchParams(new FormData(find.form))}`
      const answer = await fetch(address)
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const found = page.getElementById('results')
      if (turn === asked && found) {
        results.replaceChildren(...found.childNodes)
        history.replaceState(null, '', address)
      }
    }, 150)
  })
}

// What is to be pasted elsewhere can be copied.
for (const text of navigator.clipboard ? document.querySelectorAll('pre.copy') : []) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copying'
  button.textContent = 'Copy'
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text.textContent)
    button.textContent = 'Copied'
    setTimeout(() => { button.textContent = 'Copy' }, 1500)
  })
  const place = document.createElement('div')
  place.className = 'copied'
  text.replaceWith(place)
  place.append(text, button)
}
