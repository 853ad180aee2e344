// The page's own script, which runs before htmx: the login form takes its code from the address, the list of events
// follows the log, files are sent, paths are copied, and the slider of a history moves through its versions.

// htmx parses answers with an option that some browsers refuse; without the function it uses another way.
try {
  Document.parseHTMLUnsafe?.('', {})
} catch {
  Document.parseHTMLUnsafe = undefined
}

// Shows what only works with this script.
document.documentElement.classList.add('scripted')

const login = document.getElementById('login')
if (login !== null) {
  logIn()
  // The link, opened where the login page is open already, changes the address and loads nothing.
  addEventListener('hashchange', logIn)
}

function logIn() {
  if (location.hash.length < 2) return
  login.elements.code.value = decodeURIComponent(location.hash.slice(1))
  // The code is used up in a moment, but it has no place in the history either.
  history.replaceState(null, '', location.pathname)
  login.requestSubmit()
}

const copy = document.getElementById('copy')
if (copy !== null) {
  copy.hidden = false
  copy.addEventListener('click', async () => {
    const source = document.getElementById(copy.dataset.copies)
    const status = document.getElementById('copy-status')
    try {
      await navigator.clipboard.writeText(source.textContent)
      status.textContent = 'Copied'
    } catch {
      // Without leave to write the clipboard: the text is chosen, and copying it is one key.
      getSelection().selectAllChildren(source)
      status.textContent = 'Selected: press the keys that copy'
    }
  })
}

// One listener for all rows, those that come later too.
addEventListener('click', (event) => {
  const button = event.target.closest('[data-copy]')
  if (button !== null) copyFrom(button)
})

async function copyFrom(button) {
  const status = document.getElementById('copy-status')
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
    status.textContent = `Copied ${button.dataset.copy}`
  } catch {
    // Without leave to write the clipboard: a field with the text chosen, and copying it is one key.
    const field = document.createElement('input')
    field.readOnly = true
    field.value = button.dataset.copy
    field.setAttribute('aria-label', 'Path, to copy')
    button.replaceWith(field)
    field.select()
  }
}

const slide = document.getElementById('slide')
if (slide !== null) slideThrough(slide)

const upload = document.getElementById('upload')
if (upload !== null) sendFiles(upload)

const list = document.querySelector('#events[data-live]')
if (list !== null) follow(list)

/** The slider of a history: it says its version while it moves, a bar of the picture moves it, and the address of the
 * page names the version that is shown. What it points at is put in its place by htmx. */
function slideThrough(slide) {
  const shown = document.getElementById(slide.dataset.shows)
  const count = new Intl.NumberFormat('en')
  const tell = () => {
    shown.value = count.format(slide.value)
    slide.setAttribute('aria-valuetext', `Version ${shown.value}`)
  }
  tell()
  slide.addEventListener('input', tell)
  slide.form.addEventListener('change', () => {
    const given = [...new FormData(slide.form)].filter(([, value]) => value !== '')
    history.replaceState(null, '', `?${new URLSearchParams(given)}`)
  })
  document.getElementById('moment').addEventListener('click', (event) => {
    const bar = event.target.closest('[data-version]')
    if (bar === null || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    slide.value = bar.dataset.version
    slide.dispatchEvent(new Event('input', { bubbles: true }))
    slide.dispatchEvent(new Event('change', { bubbles: true }))
    slide.focus()
  })
}

/** Make the form send its file as the body of a request, with its progress. */
function sendFiles(form) {
  const { file, name, replace } = form.elements
  const button = form.querySelector('button')
  const outcome = document.getElementById('upload-outcome')
  const progress = document.getElementById('upload-progress')
  const status = document.getElementById('upload-status')
  const problem = document.getElementById('upload-problem')
  let request
  button.hidden = false
  file.addEventListener('change', () => {
    if (name.value === '' && file.files.length > 0) name.value = nameFrom(file.files[0].name)
  })
  document.getElementById('upload-cancel').addEventListener('click', () => request?.abort())
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (button.disabled) return
    problem.hidden = true
    show('Sending')
    request = new XMLHttpRequest()
    request.open('PUT', form.dataset.api + encodeURIComponent(name.value))
    request.setRequestHeader('content-type', 'application/json')
    if (!replace.checked) request.setRequestHeader('if-none-match', '*')
    request.upload.onprogress = ({ loaded, total }) => {
      progress.value = loaded / total
    }
    request.upload.onload = () => show('Storing')
    request.onload = () => {
      if (request.status < 300) location.assign(form.dataset.page + encodeURIComponent(name.value))
      else refuse(request.responseText)
    }
    request.onerror = () => refuse('')
    request.onabort = () => end('Cancelled. Nothing was stored.')
    request.send(file.files[0])
  })

  function show(words) {
    button.disabled = true
    outcome.hidden = false
    status.textContent = words
  }

  function end(words) {
    button.disabled = false
    outcome.hidden = true
    progress.value = 0
    problem.hidden = false
    problem.textContent = words
  }

  function refuse(text) {
    try {
      const { title, detail, hint } = JSON.parse(text)
      end([title, detail, hint].filter(Boolean).join('. '))
    } catch {
      end('The connection was lost. Nothing was stored, unless the page of the document says so.')
    }
  }
}

/** A name for a document out of the name of a file. */
function nameFrom(fileName) {
  const plain = fileName.replace(/\.json$/i, '').replace(/[^A-Za-z0-9._-]+/g, '-')
  return plain.replace(/^[^A-Za-z0-9]+/, '').slice(0, 128)
}

/** Keep the list up to date. The cursor of the last row that was put in the list is the one place from which every
 * connection continues: after a pause, a lost connection or an overflow nothing is missing, and nothing is twice. */
function follow(list) {
  const rowsMax = 500
  const bar = document.getElementById('live')
  const status = document.getElementById('live-status')
  const address = new URL(list.dataset.live, location.href)
  const putOnTop = listKeeper(list, rowsMax)
  let source
  let retry
  let retryMs = 1_000
  let waiting = []
  let frame = 0

  const button = pauseButton(() => {
    close()
    show('paused', 'Paused')
  }, connect)
  // A page kept for the back button must not hold one of the few connections a browser allows.
  addEventListener('pagehide', close)
  addEventListener('pageshow', (event) => {
    if (event.persisted && button.getAttribute('aria-pressed') !== 'true') connect()
  })
  connect()

  function connect() {
    close()
    show('connecting', 'Connecting')
    source = new EventSource(address)
    source.onopen = () => {
      retryMs = 1_000
      show('live', 'Live, newest first')
    }
    source.onmessage = (event) => {
      waiting.push({ cursor: event.lastEventId, row: event.data })
      if (frame === 0) frame = requestAnimationFrame(insert)
      // A hidden page draws no frames; do not keep rows it will never show.
      if (waiting.length >= rowsMax) insert()
    }
    source.addEventListener('overflow', reconnect)
    source.addEventListener('problem', (event) => {
      if (JSON.parse(event.data).code !== 'TOPIC_DELETED') return reconnect()
      close()
      button.hidden = true
      show('ended', 'This topic was deleted')
    })
    source.onerror = () => {
      show('waiting', 'Connection lost, trying again')
      // A refused connection is not tried again by the browser, a broken one is.
      if (source !== undefined && source.readyState === EventSource.CLOSED) reconnect()
    }
  }

  function reconnect() {
    close()
    show('waiting', 'Connection lost, trying again')
    retry = setTimeout(connect, retryMs)
    retryMs = Math.min(retryMs * 2, 30_000)
  }

  function close() {
    clearTimeout(retry)
    if (source !== undefined) source.close()
    source = undefined
    insert()
  }

  function insert() {
    cancelAnimationFrame(frame)
    frame = 0
    if (waiting.length === 0) return
    putOnTop(waiting.map(({ row }) => row).join(''))
    address.searchParams.set('cursor', waiting.at(-1).cursor)
    waiting = []
  }

  function show(state, words) {
    bar.dataset.state = state
    status.textContent = words
  }
}

/** Make the button of the list work, which says by `aria-pressed` whether it is paused. */
function pauseButton(onPause, onResume) {
  const button = document.getElementById('pause')
  button.hidden = false
  button.addEventListener('click', () => {
    const paused = button.getAttribute('aria-pressed') !== 'true'
    button.setAttribute('aria-pressed', String(paused))
    button.textContent = paused ? 'Resume' : 'Pause'
    if (paused) onPause()
    else onResume()
  })
  return button
}

/** What puts rows on top of the list, each once, and keeps the list short. */
function listKeeper(list, rowsMax) {
  const keys = new Set(Array.from(list.children, (row) => row.dataset.key))
  return (text) => {
    const rows = document.createElement('template')
    // Rows come from the server's own template, which escapes everything in them.
    rows.innerHTML = text
    for (const row of Array.from(rows.content.children)) {
      if (keys.has(row.dataset.key)) continue
      keys.add(row.dataset.key)
      row.classList.add('new')
      list.prepend(row)
    }
    const empty = document.getElementById('empty')
    if (empty !== null) empty.remove()
    while (list.children.length > rowsMax) {
      keys.delete(list.lastElementChild.dataset.key)
      list.lastElementChild.remove()
      // The link continues below the rows that were there at first; after rows were dropped it would skip them.
      const older = document.getElementById('older')
      if (older !== null) older.remove()
    }
  }
}
