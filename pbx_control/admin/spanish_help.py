"""The Spanish of every command's help, and of click's own words, looked up by its English.

A test walks through all commands and through click's source, and fails for a text that is missing here. What is typed
(commands, options, values) stays as it is; what stands for a value (CLIENT, FILE) is translated.
"""

CLICK: dict[str, str] = {
    "Usage:": "Uso:",
    "Options": "Opciones",
    "Commands": "Comandos",
    "Positional arguments": "Argumentos",
    "Show this message and exit.": "Muestra esta ayuda.",
    "Show the version and exit.": "Muestra la versión.",
    "%(prog)s, version %(version)s": "%(prog)s, versión %(version)s",
    "Error: {message}": "Error: {message}",
    "Try '{command} {option}' for help.": "Vea la ayuda con '{command} {option}'.",
    "No such command {name!r}.": "No existe el comando {name!r}.",
    "No such option {name!r}.": "No existe la opción {name!r}.",
    "Did you mean {possibility}?": "¿Quiso decir {possibility}?",
    "(Did you mean one of: {possibilities}?)": "(¿Quiso decir uno de estos: {possibilities}?)",
    "Missing command.": "Falta el comando.",
    "Missing argument": "Falta el argumento",
    "Missing option": "Falta la opción",
    "Missing parameter": "Falta el parámetro",
    "Missing parameter: {param_name}": "Falta el parámetro: {param_name}",
    "Missing {param_type}": "Falta {param_type}",
    "Invalid value: {message}": "Valor no válido: {message}",
    "Invalid value for {param_hint}: {message}": "Valor no válido para {param_hint}: {message}",
    "Got unexpected extra argument ({args})": "Sobra un argumento ({args})",
    "Got unexpected extra arguments ({args})": "Sobran argumentos ({args})",
    "Option {name!r} requires an argument.": "La opción {name!r} requiere un valor.",
    "Option {name!r} requires {nargs} arguments.": "La opción {name!r} requiere {nargs} valores.",
    "Option {name!r} does not take a value.": "La opción {name!r} no lleva valor.",
    "Argument {name!r} takes {nargs} values.": "El argumento {name!r} lleva {nargs} valores.",
    "Takes {nargs} values but 1 was given.": "Lleva {nargs} valores y se dio 1.",
    "Takes {nargs} values but {len} were given.": "Lleva {nargs} valores y se dieron {len}.",
    "{len_type} values are required, but {len_value} was given.": (
        "Se requieren {len_type} valores y se dio {len_value}."
    ),
    "{len_type} values are required, but {len_value} were given.": (
        "Se requieren {len_type} valores y se dieron {len_value}."
    ),
    "Choose from:\n\t{choices}": "Elija entre:\n\t{choices}",
    "{value!r} is not {choice}.": "{value!r} no es {choice}.",
    "{value!r} is not one of {choices}.": "{value!r} no es ninguno de estos: {choices}.",
    "{value} is not in the range {range}.": "{value} está fuera del rango {range}.",
    # The kind of number is left out: click has no word for it but the English one.
    "{value!r} is not a valid {number_type}.": "{value!r} no es un número válido.",
    "{value!r} is not a valid boolean. Recognized values: {states}": "{value!r} no es sí ni no. Se aceptan: {states}",
    "{value!r} is not a valid UUID.": "{value!r} no es un UUID válido.",
    "{value!r} does not match the format {format}.": "{value!r} no tiene el formato {format}.",
    "{value!r} does not match the formats {formats}.": "{value!r} no tiene ninguno de los formatos {formats}.",
    "Could not open file {filename!r}: {message}": "No se pudo abrir el archivo {filename!r}: {message}",
    "{name} {filename!r} is a file.": "{name} {filename!r} es un archivo.",
    "{name} {filename!r} is a directory.": "{name} {filename!r} es una carpeta.",
    "{name} {filename!r} is not readable.": "{name} {filename!r} no se puede leer.",
    "{name} {filename!r} is not writable.": "{name} {filename!r} no se puede escribir.",
    "{name} {filename!r} is not executable.": "{name} {filename!r} no se puede ejecutar.",
    "{name} {filename!r} does not exist.": "{name} {filename!r} no existe.",
    "file": "archivo",
    "directory": "carpeta",
    "path": "ruta",
    "required": "obligatorio",
    "deprecated": "en desuso",
    "default: {default}": "por omisión: {default}",
    "env var: {var}": "variable de entorno: {var}",
    "(dynamic)": "(variable)",
    "unknown error": "error desconocido",
    "Aborted!": "Interrumpido.",
    "Do you want to continue?": "¿Desea continuar?",
    "Confirm the action without prompting.": "Confirma sin preguntar.",
    "Repeat for confirmation": "Repítala para confirmar",
    "Error: The two entered values do not match.": "Error: los dos valores no coinciden.",
    "Error: invalid input": "Error: respuesta no válida",
    "Press any key to continue...": "Presione una tecla para continuar...",
    "d": "d",
    "{editor}: Editing failed": "{editor}: la edición falló",
    "{editor}: Editing failed: {e}": "{editor}: la edición falló: {e}",
}

# What stands for a value, in usage lines and before an option's help.
METAVARS: dict[str, str] = {
    "ADDRESS": "DIRECCIÓN",
    "ARGS": "ARGUMENTOS",
    "C": "CLIENTE",
    "CALLS": "LLAMADAS",
    "CC": "PAÍS",
    "CHAT": "CHAT",
    "CLIENT": "CLIENTE",
    "CODE": "CÓDIGO",
    "COMMAND": "COMANDO",
    "COUNTRY": "PAÍS",
    "D": "ÁREA",
    "DATE": "FECHA",
    "DAY": "DÍA",
    "DIR": "CARPETA",
    "E": "CORREO",
    "ENTRY": "ASIENTO",
    "FILE": "ARCHIVO",
    "HOST": "SERVIDOR",
    "HOURS": "HORARIO",
    "ID": "ID",
    "INTEGER": "NÚMERO",
    "INTEGER RANGE": "NÚMERO",
    "KEY": "TECLA",
    "KIND": "AVISO",
    "LINE": "LÍNEA",
    "MONTHS": "MESES",
    "N": "N",
    "NAME": "NOMBRE",
    "NUMBER": "NÚMERO",
    "OPTIONS": "OPCIONES",
    "P": "CONTRASEÑA",
    "PERCENT": "PORCENTAJE",
    "PESOS": "PESOS",
    "PLAN": "PLAN",
    "PORT": "PUERTO",
    "RUT": "RUT",
    "SLUG": "CLIENTE",
    "T": "TEXTO",
    "TEXT": "TEXTO",
    "TIME": "FECHA",
    "TRUNK": "TRONCAL",
    "TZ": "ZONA",
    "U": "USUARIO",
    "VERSION": "VERSIÓN",
    "WHO": "QUIÉN",
    "YYYY-MM": "AAAA-MM",
}

HELP: dict[str, str] = {
    "Examples:": "Ejemplos:",
    "{value} is no invoice: write its number, or its kind too, like boleta-2": (
        "{value} no es un documento: escriba su número, o también su tipo, como boleta-2"
    ),
    "left out of what was typed, as nobody sees it: {signs}": "se quitó de lo escrito, porque no se ve: {signs}",
    "give either --email or --telegram": "indique --email o --telegram",
    "give either --text or --audio": "indique --text o --audio",
    "again: brings the database up to date": "otra vez: pone al día la base de datos",
    "on public holidays too": "también en los feriados",
    # --- all commands
    "Runs a telephone-answering service on your own Asterisk.": (
        "Opera un servicio de secretaría telefónica sobre su propio Asterisk."
    ),
    "Completion of commands, clients and numbers with the tab key: put "
    '`eval "$(_PBX_CONTROL_COMPLETE=bash_source pbx-control)"` into ~/.bashrc '
    "(zsh: zsh_source in ~/.zshrc; fish: fish_source).": (
        "Para completar comandos, clientes y números con el tabulador: ponga "
        '`eval "$(_PBX_CONTROL_COMPLETE=bash_source pbx-control)"` en ~/.bashrc '
        "(zsh: zsh_source en ~/.zshrc; fish: fish_source)."
    ),
    "The folder of this installation [$PBX_HOME or ./var].": "La carpeta de esta instalación [$PBX_HOME o ./var].",
    "Language of messages [that of $LANG].": "Idioma de los textos [el de $LANG].",
    "Long lists do not go through $PAGER.": "Las listas largas no pasan por $PAGER.",
    "Print JSON instead of a table.": "Imprime JSON en vez de una tabla.",
    "How many at most.": "Cuántos como máximo.",
    # --- setup, run, status, doctor, demo
    "Makes the home: folders, settings with random secrets, database, prompts, Asterisk's configuration.": (
        "Prepara la instalación: carpetas, ajustes con contraseñas al azar, base de datos, audios, configuración de "
        "Asterisk."
    ),
    "Does only what is missing: run it again after each new version.": (
        "Hace solo lo que falta: ejecútelo de nuevo tras cada versión nueva."
    ),
    "Run the daemon in the foreground, until Ctrl-C or SIGTERM.": (
        "Ejecuta pbx-control en primer plano, hasta Ctrl-C o SIGTERM."
    ),
    "Live calls go on when it ends: Asterisk keeps the service alone until the next daemon adopts them.": (
        "Al terminar, las llamadas en curso siguen: Asterisk atiende solo hasta que se inicie de nuevo y las retome."
    ),
    "Start Asterisk first, if it does not run yet.": "Inicia antes Asterisk, si aún no está en marcha.",
    "Whether calls are taken: daemon, Asterisk, database. Exit status 0 when the daemon is ready.": (
        "Si se reciben llamadas: pbx-control, Asterisk, base de datos. Código de salida 0 si pbx-control está listo."
    ),
    "What is wrong here and how to mend it: settings, database, sounds, Asterisk, daemon, disk, mail.": (
        "Qué está mal aquí y cómo se arregla: ajustes, base de datos, audios, Asterisk, pbx-control, disco, correo."
    ),
    "Each line is ok, warn or bad; exit status 1 if one is bad.": (
        "Cada línea dice bien, ojo o mal; código de salida 1 si alguna dice mal."
    ),
    "Real calls through a real Asterisk: answered, closed, missed, and with the daemon killed.": (
        "Llamadas reales por un Asterisk real: atendida, fuera de horario, perdida, y con pbx-control muerto."
    ),
    "Everything lies in the folder `demo` of the home and is made anew each time. Exit status 0 only if all of it "
    "really "
    "happened.": (
        "Todo queda en la carpeta `demo` de la instalación y se crea de nuevo cada vez. Código de salida 0 solo si "
        "todo "
        "ocurrió de verdad."
    ),
    "Keep it running afterwards, for a softphone of your own, until Ctrl-C.": (
        "Sigue en marcha después, para un teléfono propio, hasta Ctrl-C."
    ),
    # --- asterisk
    "The telephone switch of this installation.": "La central telefónica de esta instalación.",
    "Open Asterisk's own console (leave it with Ctrl-C).": "Abre la consola de Asterisk (se sale con Ctrl-C).",
    'One command instead of a dialogue: "core show channels".': (
        'Un solo comando en vez de un diálogo: "core show channels".'
    ),
    "Make what a start would have to make first: a root file system or a container image.": (
        "Crea lo que un inicio tendría que crear antes: un sistema de archivos o una imagen de contenedor."
    ),
    "Stop Asterisk and start it anew, for changed settings of [sip] and [asterisk]; all calls end.": (
        "Reinicia Asterisk, tras cambiar ajustes de [sip] o [asterisk]; se cortan todas las llamadas."
    ),
    "Start Asterisk and wait until it answers.": "Inicia Asterisk y espera hasta que responda.",
    "Become Asterisk instead of starting it apart (for systemd).": (
        "Se convierte en Asterisk en vez de iniciarlo aparte (para systemd)."
    ),
    "Show whether Asterisk runs and answers; exit status 1 if it does not.": (
        "Muestra si Asterisk está en marcha y responde; código de salida 1 si no."
    ),
    "Stop Asterisk; calls that are going on are cut.": "Detiene Asterisk; se cortan las llamadas en curso.",
    # --- trunk
    "The carriers that bring the calls.": "Los operadores que traen las llamadas.",
    "Adds a trunk. Calls are taken from its --match addresses only.": (
        "Agrega una troncal. Solo se reciben llamadas desde sus direcciones --match."
    ),
    "Where it sends from; repeatable.": "Desde dónde envía; se puede repetir.",
    "Where we send to.": "Adónde enviamos.",
    "Our user name with the carrier.": "Nuestro usuario ante el operador.",
    "Our password; - asks for it, unseen.": "Nuestra contraseña; con - se pide sin mostrarla.",
    "Register with the carrier.": "Se registra ante el operador.",
    "[udp]": "[udp]",
    "The preferred one first [alaw,ulaw].": "El preferido primero [alaw,ulaw].",
    "Where the caller's number stands: From, P-Asserted-Identity or Remote-Party-ID [from].": (
        "Dónde viene el número de quien llama: From, P-Asserted-Identity o Remote-Party-ID [from]."
    ),
    "How it writes numbers: +56225550101, 56225550101 or 225550101 [e164].": (
        "Cómo escribe los números: +56225550101, 56225550101 o 225550101 [e164]."
    ),
    "Of national numbers [CL].": "De los números nacionales [CL].",
    "Where the dialled number stands [request].": "Dónde viene el número marcado [request].",
    "At once; 0: no limit [0].": "A la vez; 0: sin límite [0].",
    "Whether its callers hear us before the answer; else they are answered for the recording notice [--early-media].": (
        "Si quienes llaman por ella nos oyen antes de que se conteste; si no, se contesta para el aviso de grabación "
        "[--early-media]."
    ),
    "All trunks; without their passwords.": "Todas las troncales; sin sus contraseñas.",
    "With tls: call only who proves by his certificate that he is --host [--verify].": (
        "Con tls: llamar solo a quien demuestra con su certificado que es --host [--verify]."
    ),
    "Who may vouch for his certificate (PEM); system: whom the system trusts [system].": (
        "Quién puede avalar su certificado (PEM); system: aquellos en que confía el sistema [system]."
    ),
    "Whether what is spoken is encrypted [with tls required, else off].": (
        "Si se cifra lo que se habla [con tls required, si no off]."
    ),
    "Verified by: with tls, whose word the carrier's certificate needs: system, own (the file of --ca), or nobody.": (
        "Lo avala: con tls, quién debe avalar el certificado del operador: system (el sistema), own (el archivo de "
        "--ca) o nobody (nadie)."
    ),
    "Over: udp, tcp or tls, as it has registered.": "Por: udp, tcp o tls, según como se registró.",
    "Registration: registered, rejected (the carrier refuses user or password), unregistered (it has not answered "
    "yet), "
    "or unknown (Asterisk is away).": (
        "Registro: registrada, rechazada (el operador no acepta usuario o contraseña), sin respuesta aún, o no se sabe "
        "(Asterisk no está)."
    ),
    "Who was refused by the switch, counted by hour, address, reason and number, and what would mend it.": (
        "A quién rechazó la central, contado por hora, dirección, motivo y número, y qué hacer."
    ),
    "a call or telephone from an address that is no carrier's and no secretary's": (
        "una llamada o un teléfono desde una dirección que no es de un operador ni de una secretaria"
    ),
    "a telephone whose password is wrong": "un teléfono con contraseña equivocada",
    "whoever had ten wrong passwords in a minute; for ten minutes nothing of his is looked at": (
        "quien probó diez contraseñas erradas en un minuto; durante diez minutos no se atiende nada suyo"
    ),
    "a carrier's call to a number that is none of ours": "una llamada de un operador a un número que no es nuestro",
    "a carrier's call to a number that may be two of ours": (
        "una llamada de un operador a un número que puede ser dos de los nuestros"
    ),
    "a carrier's call that offers none of its --codecs (488)": (
        "una llamada de un operador que no ofrece ninguno de sus --codecs (488)"
    ),
    "a carrier's call that offers no sound: video or a fax (488)": (
        "una llamada de un operador que no ofrece sonido: video o un fax (488)"
    ),
    "a carrier's call without SRTP, which --srtp requires (488)": (
        "una llamada de un operador sin SRTP, que --srtp exige (488)"
    ),
    "a carrier's call with nothing but SRTP, which --srtp has off (488)": (
        "una llamada de un operador solo con SRTP, que --srtp tiene apagado (488)"
    ),
    "a carrier's call whose keys for SRTP come by DTLS (488)": (
        "una llamada de un operador cuyas claves de SRTP llegan por DTLS (488)"
    ),
    "a carrier's call that offers sound in a way that Asterisk does not take (488)": (
        "una llamada de un operador cuya oferta de sonido Asterisk no acepta (488)"
    ),
    "a carrier's call beyond its --max-calls": "una llamada de un operador por sobre su --max-calls",
    "a carrier's call that came by two ways; it was served once": (
        "una llamada de un operador que llegó por dos caminos; se atendió una vez"
    ),
    "a consultation of ours that a telephone forwarded to a number of ours": (
        "una consulta nuestra que un teléfono desvió a un número nuestro"
    ),
    "a secretary's telephone that dialled: it may not": "el teléfono de una secretaria que marcó: no puede",
    "Only the hours since then: yesterday, 2h, 28/11/2026 9:30 …": (
        "Solo las horas desde entonces: ayer, 2h, 28/11/2026 9:30 …"
    ),
    "Removes a trunk by which no numbers come in.": "Elimina una troncal por la que no entra ningún número.",
    "Changes what is given; the rest stays. Calls that are going on are not touched.": (
        "Cambia lo que se indica; el resto queda igual. Las llamadas en curso no se tocan."
    ),
    # --- did
    "The numbers that can be dialled, and whose they are.": "Los números a los que se puede llamar, y de quién son.",
    "Adds numbers, in E.164: all of them or, if one is wrong, none.": (
        "Agrega números, en E.164: todos o, si uno está mal, ninguno."
    ),
    "The trunk that brings their calls [any].": "La troncal que trae sus llamadas [cualquiera].",
    "Gives a free number to a client.": "Asigna un número libre a un cliente.",
    "Make it the number that contacts see [the first one is].": (
        "Es el número que ven los contactos [lo es el primero]."
    ),
    "Even if it still rests after a release (30 days).": "Aunque aún descanse tras su liberación (30 días).",
    "The numbers with country, area, trunk and client.": "Los números, con país, área, troncal y cliente.",
    "Only those that can be assigned now.": "Solo los que se pueden asignar ahora.",
    "Only those of an area: 2, 32, 41 …": "Solo los de un área: 2, 32, 41 …",
    "Only those of a country: CL, PE, ES …": "Solo los de un país: CL, PE, ES …",
    "Takes a number from its client. It rests for 30 days before another one gets it.": (
        "Quita un número a su cliente. Descansa 30 días antes de que otro lo reciba."
    ),
    "Forgets a free number: it goes back to its carrier.": "Olvida un número libre: vuelve a su operador.",
    # --- client
    "The firms that are answered for.": "Las empresas por las que se contesta.",
    "Adds the client SLUG, a short name for commands. Its hours are mon-fri 09:00-13:00 14:00-18:00.": (
        "Agrega el cliente CLIENTE, un nombre corto para los comandos. Su horario es lun-vie 09:00-13:00 14:00-18:00."
    ),
    "As callers and secretaries know it.": "Como lo conocen quienes llaman y las secretarias.",
    "What its callers speak [that of the office].": "El que hablan quienes lo llaman [el de la oficina].",
    "Its hours' zone [that of the office: America/Santiago].": (
        "La zona de su horario [la de la oficina: America/Santiago]."
    ),
    "Record its calls, if its plan has that [no].": "Graba sus llamadas, si su plan lo incluye [no].",
    "Chilean tax number, for invoices.": "El RUT, para boletas y facturas.",
    "Registered name (razón social), for a factura.": "Razón social, para una factura.",
    "Line of business (giro), for a factura.": "Giro, para una factura.",
    "Registered address, for a factura.": "Dirección comercial, para una factura.",
    "A factura needs RUT, registered name, business and address [boleta].": (
        "Una factura requiere RUT, razón social, giro y dirección [boleta]."
    ),
    "Its callers hear us before the answer, forwarded ones too [--early-media-as-trunk].": (
        "Quienes lo llaman nos oyen antes de que se conteste, también los desviados [--early-media-as-trunk]."
    ),
    "They do not: they are answered for the recording notice.": (
        "No nos oyen: se les contesta para el aviso de grabación."
    ),
    "As `trunk list` says of the trunk; who was forwarded to us is answered.": (
        "Como `trunk list` dice de la troncal; a quien fue desviado hacia nosotros se le contesta."
    ),
    "How long a caller waits before he may leave a message [90s].": (
        "Cuánto espera quien llama antes de poder dejar un mensaje [90s]."
    ),
    "What a waiting caller hears after 20 s [music].": "Qué oye quien espera después de 20 s [música].",
    "At the limit, take a message or say that all are busy [messages].": (
        "Al límite, tomar un mensaje o decir que todas las líneas están ocupadas [mensajes]."
    ),
    "Write to the recipients about calls outside the hours too [no].": (
        "Avisa a los destinatarios también de las llamadas fuera de horario [no]."
    ),
    "Out of calls, callers may leave a message [no].": "Sin llamadas en el plan, se puede dejar un mensaje [no].",
    "Out of calls, a daily e-mail lists the missed ones [yes].": (
        "Sin llamadas en el plan, un correo diario informa las perdidas [sí]."
    ),
    "Who calls again so soon after a short conversation is not charged; 0s: is charged [60s].": (
        "A quien vuelve a llamar en este tiempo tras una conversación corta no se le descuenta; 0s: sí [60s]."
    ),
    "Shorter conversations are short ones [10s].": "Es corta una conversación menor a esto [10s].",
    "How many of its contacts may be called or talked with at the same time [3].": (
        "A cuántos de sus contactos se puede llamar a la vez [3]."
    ),
    "How many calls to its contacts may be made in a UTC day [100].": (
        "Cuántas llamadas a sus contactos se pueden hacer en un día UTC [100]."
    ),
    "Ends a subscription: the numbers are released, the plan ends. What was told to us is erased after 90 days.": (
        "Da de baja: libera los números y termina el plan. Lo que nos confió se borra a los 90 días."
    ),
    "All clients with their main number.": "Todos los clientes, con su número principal.",
    "Those that have paid and are not live yet, the late ones first.": (
        "Los que pagaron y aún no están en servicio; primero los atrasados."
    ),
    "Notes that calls are answered. Refused while something lacks for that: number, hours, greeting, secretary …": (
        "Anota que sus llamadas se contestan. Se rechaza mientras algo falte: número, horario, saludo, secretaria …"
    ),
    "When it happened, in the office's zone [now].": "Cuándo ocurrió, en la zona de la oficina [ahora].",
    "Notes a payment: number and welcome call are due 2 business hours later, answered calls 1 hour after that.": (
        "Anota un pago: número y llamada de bienvenida vencen 2 horas hábiles después, y contestar, 1 hora más tarde."
    ),
    "Answers again for a suspended or cancelled client, and says what it lacks.": (
        "Contesta de nuevo por un cliente suspendido o dado de baja, y dice qué le falta."
    ),
    "Changes what is given; the rest stays.": "Cambia lo que se indica; el resto queda igual.",
    "Everything about one client.": "Todo sobre un cliente.",
    "Stops answering for a client: its callers hear the `exhausted` announcement.": (
        "Deja de contestar por un cliente: quienes llaman oyen el aviso `exhausted`."
    ),
    "Notes the welcome call, and writes to the recipients how the number is used.": (
        "Anota la llamada de bienvenida, y escribe a los destinatarios cómo se usa el número."
    ),
    # --- hours and holidays
    "When a client is answered for.": "Cuándo se contesta por un cliente.",
    "Whether the client is open, until when, and why.": "Si el cliente está en horario, hasta cuándo y por qué.",
    "In the client's zone [now].": "En la zona del cliente [ahora].",
    "Sets the week, in the client's time zone; what its closed announcement says follows.": (
        "Fija la semana, en la zona horaria del cliente; lo que dice su aviso de cierre cambia con ella."
    ),
    "The week and its time zone.": "La semana y su zona horaria.",
    "The days on which clients are closed: Chile's public holidays, and your own changes to them.": (
        "Los días en que no se contesta: los feriados de Chile, y los cambios que usted haga."
    ),
    "Clients whose hours are `always` are open on public holidays; a day added for one client closes any client.": (
        "Los clientes con horario `siempre` se atienden también en feriados; un día agregado para un cliente lo cierra "
        "igual."
    ),
    "Closes everybody, or one client, on DATE.": "Cierra todos, o un cliente, en la FECHA.",
    "One client only [everybody].": "Solo un cliente [todos].",
    "Why: `hours check` and the journal show it.": "Por qué: lo muestran `hours check` y el diario de la llamada.",
    "The holidays of a year. `closed` is – where a client is open although everybody else is not.": (
        "Los feriados de un año. «Cerrado» es – donde un cliente se atiende aunque los demás no."
    ),
    "[this year]": "[este año]",
    "Keeps the usual hours on DATE, though it was a holiday: for everybody, or for one client.": (
        "Mantiene el horario habitual en la FECHA, aunque era feriado: para todos, o para un cliente."
    ),
    # --- greetings and announcements
    "What secretaries say when they answer for a client.": "Lo que dicen las secretarias al contestar por un cliente.",
    "All greetings that a client has had, the one in force first.": (
        "Todos los saludos que ha tenido un cliente; primero el vigente."
    ),
    "Puts an earlier greeting in force again; the history keeps both.": (
        "Vuelve a un saludo anterior; el historial guarda ambos."
    ),
    "[the last different one]": "[el último distinto]",
    "Puts TEXT in force; - reads it from the standard input. {secretary} and {part_of_day} are filled in.": (
        "Pone en uso el TEXTO; con - se lee de la entrada estándar. Se completan {secretary} y {part_of_day}."
    ),
    "Who asked for it in writing: an address, an account.": "Quién lo pidió por escrito: una dirección, una cuenta.",
    "The greeting in force.": "El saludo vigente.",
    "What a client's callers hear from the switch.": "Lo que la central dice a quienes llaman a un cliente.",
    "before the ringing (none unless set)": "antes de que suene (ninguno si no se define)",
    "outside the hours": "fuera de horario",
    "suspended, or out of calls": "suspendido, o sin llamadas en el plan",
    "that the call is recorded, before the ringing": "que la llamada se graba, antes de que suene",
    "nobody can take the call and no message is taken": "nadie puede contestar y no se toma mensaje",
    "please leave a message after the tone": "deje un mensaje después del tono",
    "Goes back to the house's own text.": "Vuelve al texto de la casa.",
    "Puts a client's own announcement in place of the house's.": (
        "Pone un aviso propio del cliente en lugar del de la casa."
    ),
    "Spoken by the house's voice; {hours} and {name} are filled in.": (
        "Lo lee la voz de la casa; se completan {hours} y {name}."
    ),
    "A recording: WAV, FLAC, OGG or MP3.": "Una grabación: WAV, FLAC, OGG o MP3.",
    "What callers hear, with everything filled in. `sound` is a file under the home, without its ending.": (
        "Lo que oyen quienes llaman, con todo completado. «Audio» es un archivo de la instalación, sin su extensión."
    ),
    # --- secretaries
    "The people who answer, and their telephones' accounts.": "Quienes contestan, y las cuentas de sus teléfonos.",
    "Adds a secretary and prints, once, what is typed into her telephone.": (
        "Agrega una secretaria y muestra, una sola vez, lo que se escribe en su teléfono."
    ),
    "What she speaks, the best first.": "Los que habla; primero el mejor.",
    "Whom she may answer for [every client].": "Por quién puede contestar [todos los clientes].",
    "Her pause after each call [0s].": "Su pausa tras cada llamada [0s].",
    "Her telephone must use TLS and SRTP.": "Su teléfono debe usar TLS y SRTP.",
    "All secretaries; without their passwords. No clients named: she may answer for all.": (
        "Todas las secretarias; sin sus contraseñas. Sin clientes indicados: puede contestar por todos."
    ),
    "Telephone: reached, away (not registered, or it does not answer the switch), or unknown (Asterisk is away).": (
        "Teléfono: responde, ausente (no registrado, o no responde a la central), o no se sabe (Asterisk no está)."
    ),
    "Forwarded at: her telephone is left on forward (it answers a call with 302), and did so last then; nobody is "
    "called there. Empty as soon as it rings again.": (
        "Desvió por última vez: su teléfono está desviado (responde a una llamada con 302), y lo hizo por última vez "
        "entonces; no se llama a otro número. Queda vacío en cuanto vuelve a sonar."
    ),
    "Paused why: refusals, if the system has paused her because her telephone refused three calls in a row, and "
    "paused at, when. Fifteen minutes later one call is tried again. She is back when it registers anew, or by "
    "`secretary set NAME --available`.": (
        "Motivo de la pausa: refusals, si el sistema la puso en pausa porque su teléfono rechazó tres llamadas "
        "seguidas; en pausa desde, cuándo. Quince minutos después se prueba con una llamada. Vuelve cuando se registre "
        "de nuevo, o con `secretary set NOMBRE --available`."
    ),
    "Removes a secretary; the calls she answered still name her.": (
        "Elimina una secretaria; las llamadas que contestó conservan su nombre."
    ),
    "Makes a new password for her telephone and prints it once; the old one stops working.": (
        "Crea otra contraseña para su teléfono y la muestra una vez; la anterior deja de servir."
    ),
    "Whom she may answer for; all: every client.": "Por quién puede contestar; all: todos los clientes.",
    "Her pause after each call.": "Su pausa tras cada llamada.",
    "Whether she is offered calls.": "Si se le ofrecen llamadas.",
    # --- contacts and recipients
    "The people of a client's to whom its calls may be transferred.": (
        "Las personas del cliente a quienes se pueden transferir sus llamadas."
    ),
    "Adds a contact: a landline or mobile in Chile, Mexico, Colombia, Brazil, Peru, Puerto Rico, USA, Canada, Spain, "
    "United Kingdom, Italy, France or Germany.": (
        "Agrega un contacto: un fijo o móvil de Chile, México, Colombia, Brasil, Perú, Puerto Rico, EE. UU., Canadá, "
        "España, Reino Unido, Italia, Francia o Alemania."
    ),
    "Called if the first does not answer.": "Se le llama si el primero no contesta.",
    "Support, sales, billing …": "Soporte, ventas, cobranza …",
    "*KEY on a secretary's telephone [the lowest free].": "*TECLA en el teléfono de la secretaria [la menor libre].",
    "The contacts of one client, or of all.": "Los contactos de un cliente, o de todos.",
    "Takes a contact away.": "Quita un contacto.",
    "Who gets a client's messages.": "Quién recibe los mensajes de un cliente.",
    "Adds an e-mail address or a Telegram chat.": "Agrega una dirección de correo o un chat de Telegram.",
    "An e-mail address.": "Una dirección de correo.",
    "A Telegram chat's number, or a channel's @name.": "El número de un chat de Telegram, o el @nombre de un canal.",
    "The recipients of one client, or of all; since when messages do not reach one, and why.": (
        "Los destinatarios de un cliente, o de todos; desde cuándo no llegan los mensajes a uno, y por qué."
    ),
    "Takes a recipient away; letters already written still go to him.": (
        "Quita un destinatario; los mensajes ya escritos aún le llegan."
    ),
    # --- plans, bags, ledger
    "What clients may subscribe to: so many calls a month, for so many pesos.": (
        "Lo que los clientes pueden contratar: tantas llamadas al mes, por tantos pesos."
    ),
    "Gives CLIENT a plan, from now on. Within a month that has begun the difference is granted and invoiced in "
    "proportion "
    "to the days that are left of it.": (
        "Da un plan al CLIENTE, desde ahora. En un mes ya empezado, la diferencia se otorga y se cobra en proporción a "
        "los días que quedan."
    ),
    "Paid ahead: 1, 3, 6 or 12.": "Pagados por adelantado: 1, 3, 6 o 12.",
    "On which its months begin, for its first plan [that of today].": (
        "En que empiezan sus meses, con su primer plan [el de hoy]."
    ),
    "The plans on offer, and how many clients have each; prices are net.": (
        "Los planes vigentes, y cuántos clientes tiene cada uno; los precios son netos."
    ),
    "Those that are no longer on offer, too.": "También los que ya no se ofrecen.",
    "Takes a plan off the list; who has it keeps it.": "Retira un plan de la oferta; quien lo tiene lo conserva.",
    "Sets a plan's terms. Once a client has it they stay: a new price is a plan of another name.": (
        "Fija las condiciones de un plan. Si un cliente ya lo tiene, no cambian: otro precio es un plan con otro "
        "nombre."
    ),
    "Calls a month.": "Llamadas al mes.",
    "Net pesos a month.": "Pesos netos al mes.",
    "Net pesos for one call of a bag.": "Pesos netos por llamada de una bolsa.",
    "How many contacts it may have.": "Cuántos contactos permite.",
    "How many calendars.": "Cuántas agendas.",
    "Calls may be recorded [no].": "Las llamadas se pueden grabar [no].",
    "Of recordings.": "De las grabaciones.",
    "For 3, 6 or 12 months ahead.": "Por 3, 6 o 12 meses adelantados.",
    "An extra number of that country a month.": "Un número adicional de ese país, al mes.",
    "Made to measure: for this client alone.": "A la medida: solo para este cliente.",
    "Packs of extra calls: used when the month's own are used up, and kept until then.": (
        "Bolsas de llamadas: se usan cuando se acaban las del mes, y hasta entonces se guardan."
    ),
    "Sells CLIENT a bag of so many calls: it works from the next call on, and is invoiced.": (
        "Vende al CLIENTE una bolsa de tantas llamadas: rige desde la próxima llamada, y se factura."
    ),
    "Net pesos for all of it [CALLS times the plan's price of an extra call].": (
        "Pesos netos por toda la bolsa [LLAMADAS por el precio de una llamada extra del plan]."
    ),
    "The bags of one client, or of all, the oldest first; prices are net.": (
        "Las bolsas de un cliente, o de todos; primero la más antigua. Los precios son netos."
    ),
    "Who changed what, when and from where. Nothing in it is ever changed.": (
        "Quién cambió qué, cuándo y desde dónde. Nada de esto se modifica jamás."
    ),
    "The newest changes, newest first.": "Los últimos cambios; primero el más reciente.",
    "Who: the admin's user name on this machine (with sudo, that of who called it), a job, or the switch.": (
        "Quién: el usuario del administrador en este equipo (con sudo, el de quien lo llamó), una tarea o la central."
    ),
    "Changes: what each field was, and what it is. Passwords are not shown: only that they were changed.": (
        "Cambios: qué era cada campo y qué es. No se muestran contraseñas: solo que cambiaron."
    ),
    "Only what was changed of this client.": "Solo lo que cambió de este cliente.",
    "Only since then: yesterday, 2h, 28/11/2026 9:30 …": "Solo desde entonces: ayer, 2h, 28/11/2026 9:30 …",
    "What each client's calls were used for, entry by entry. Nothing in it is ever changed.": (
        "En qué se usaron las llamadas de cada cliente, asiento por asiento. Nada de ello se modifica."
    ),
    "Notes that the client objects to a charge.": "Anota que el cliente objeta un cobro.",
    "What the client says.": "Lo que dice el cliente.",
    "What clients object to, the oldest first.": "Lo que objetan los clientes; primero lo más antiguo.",
    "Those that are settled, too.": "También lo ya resuelto.",
    "Takes a charge back, by an entry against it. What is in the ledger stays.": (
        "Anula un cobro con un contraasiento. Lo ya anotado se mantiene."
    ),
    "Why the client is right.": "Por qué tiene razón el cliente.",
    "A client's month: what it opened with, every entry with its call, what is left, and for how long.": (
        "El mes de un cliente: con qué empezó, cada asiento con su llamada, cuánto queda y para cuánto alcanza."
    ),
    "The client's month that begins in this one [that of today].": (
        "El mes del cliente que empieza en este [el de hoy]."
    ),
    "Settles a dispute: the charge stays.": "Resuelve una objeción: el cobro se mantiene.",
    "Why the charge stays.": "Por qué se mantiene el cobro.",
    # --- calls and callers
    "Calls: which there were, one call's whole story, what happens now.": (
        "Llamadas: cuáles hubo, la historia de cada una, qué ocurre ahora."
    ),
    "The newest calls, newest first.": "Las últimas llamadas; primero la más reciente.",
    "Only those of this client.": "Solo las de este cliente.",
    "Only those since then: yesterday, 2h, 28/11/2026 9:30 …": (
        "Solo las de entonces en adelante: ayer, 2h, 28/11/2026 9:30 …"
    ),
    "Only those that last still.": "Solo las que siguen en curso.",
    "Takes back what a call was charged: a wrong number, a test, or somebody whom `caller mark` blocks.": (
        "Anula el cobro de una llamada: número equivocado, prueba, o alguien bloqueado con `caller mark`."
    ),
    "What happened, for the ledger.": "Qué ocurrió, para los asientos.",
    "One call's story, line by line. ID may be the beginning or the end of it that no other call has.": (
        "La historia de una llamada, línea por línea. ID puede ser el comienzo o el final que ninguna otra tiene."
    ),
    "What happens, as it happens, in all calls; until Ctrl-C. With --json one object a line.": (
        "Lo que ocurre en todas las llamadas, a medida que ocurre; hasta Ctrl-C. Con --json, un objeto por línea."
    ),
    "Callers: what is known of one, erasing it, and whose calls are tests or blocked.": (
        "Quienes llaman: qué se sabe de alguien, cómo se borra, y qué números son de prueba o están bloqueados."
    ),
    "Erase a caller's recordings, messages, number and name, at his wish (Ley 21.719). This cannot be undone.": (
        "Borra grabaciones, mensajes, número y nombre de quien llamó, a su pedido (Ley 21.719). No se puede deshacer."
    ),
    "Calls and what they cost stay, without saying whose they were. A call that lasts, is held, or of which a "
    "message is "
    "still to be sent is refused, and then nothing is erased. Backups made before still have everything.": (
        "Las llamadas y sus cobros quedan, sin decir de quién eran. Si una sigue en curso, está retenida o tiene un "
        "mensaje por enviar, se rechaza y no se borra nada. Los respaldos hechos antes conservan todo."
    ),
    "Who asked for it, and how; it stands in the receipts.": "Quién lo pidió, y cómo; queda en los comprobantes.",
    "Leave calls under a legal hold as they are, and erase the rest.": (
        "Deja como están las llamadas con retención legal, y borra el resto."
    ),
    "Give up messages about the calls that are still to be sent.": (
        "Descarta los mensajes sobre las llamadas que aún no se envían."
    ),
    "Do not ask.": "No pregunta.",
    "Everything that is kept of the caller of that number.": "Todo lo que se guarda de quien llama con ese número.",
    "Calls from that number are tests, which are never charged; or they are blocked, and nobody answers them.": (
        "Las llamadas de ese número son pruebas, que nunca se cobran; o están bloqueadas, y nadie las contesta."
    ),
    "For this client only [all].": "Solo para este cliente [todos].",
    "For whoever asks later.": "Para quien pregunte después.",
    "Whose calls are tests, and whose are blocked.": "Qué números son de prueba, y cuáles están bloqueados.",
    "Calls from that number are like any other again.": "Las llamadas de ese número vuelven a ser como cualquiera.",
    # --- recordings
    "Recordings of calls and left messages: list them, fetch one, hold it, see what is deleted and why.": (
        "Grabaciones de llamadas y mensajes dejados: verlas, traer una, retenerla, ver qué se borra y por qué."
    ),
    "Copy a call's recording, or the message that was left, to a WAV file.": (
        "Copia la grabación de una llamada, o el mensaje que se dejó, a un archivo WAV."
    ),
    "Where to [CALL-ID.wav here]; - is the standard output.": ("Adónde [LLAMADA.wav aquí]; - es la salida estándar."),
    "The message that the caller left.": "El mensaje que dejó quien llamó.",
    "Keep all files of a call, however old they are, until it is released (a legal hold).": (
        "Conserva todos los archivos de una llamada, por antiguos que sean, hasta liberarla (retención legal)."
    ),
    "For whom, and what for: whoever asks later reads it.": "Para quién y para qué: lo lee quien pregunte después.",
    "The newest calls with a recording or a left message, newest first.": (
        "Las últimas llamadas con grabación o mensaje; primero la más reciente."
    ),
    "Delete the recordings and messages whose time is over. The daemon does it by itself every night.": (
        "Borra las grabaciones y mensajes cuyo plazo venció. pbx-control lo hace solo cada noche."
    ),
    "Only show what would go, and why, and what a hold keeps.": (
        "Solo muestra qué se borraría y por qué, y lo que conserva una retención."
    ),
    "The server's clock is right, although it leapt or went back.": (
        "El reloj del servidor está bien, aunque saltó o retrocedió."
    ),
    "What was deleted, when and why, newest first.": "Qué se borró, cuándo y por qué; primero lo más reciente.",
    "Only deletions since then: yesterday, 2h, 28/11/2026 9:30 …": (
        "Solo lo borrado desde entonces: ayer, 2h, 28/11/2026 9:30 …"
    ),
    "Only those of this call.": "Solo los de esta llamada.",
    "Files that belong to no call or are empty, and calls whose file is not there or was cut. Nothing is changed.": (
        "Archivos que no son de ninguna llamada o están vacíos, y llamadas sin su archivo o con uno incompleto. "
        "No cambia nada."
    ),
    "What is younger than a day is passed over: it may still be on its way.": (
        "Lo de menos de un día se pasa por alto: puede estar en camino."
    ),
    "End a call's legal hold: its files are deleted when they are old enough.": (
        "Termina la retención legal de una llamada: sus archivos se borran cuando cumplan su plazo."
    ),
    # --- invoices
    "Boletas, facturas and credit notes. The daemon issues what is due each night.": (
        "Boletas, facturas y notas de crédito. pbx-control emite cada noche lo que corresponde."
    ),
    "Issues and sends a credit note for an invoice, or for some of its lines: nothing issued is ever changed.": (
        "Emite y envía una nota de crédito por un documento, o por algunas de sus líneas: lo emitido nunca se modifica."
    ),
    "Needed where two kinds have the same number.": "Necesario si dos tipos tienen el mismo número.",
    "The reason, as it stands on the note (in Spanish).": "El motivo, como queda en la nota.",
    "Only this line, from 1; may be repeated [all].": "Solo esta línea, desde 1; se puede repetir [todas].",
    "Prints invoices and credit notes, oldest first, for the e-invoicing provider, with the SII's document codes.": (
        "Imprime boletas, facturas y notas de crédito, primero la más antigua, para el proveedor de facturación "
        "electrónica, con los códigos del SII."
    ),
    "The first day, like 2026-11-01 [the first of all].": "El primer día, como 01/11/2026 [el primero de todos].",
    "The last day [the last of all].": "El último día [el último de todos].",
    "Issues what is due for CLIENT now, and sends it. What has been invoiced is never invoiced again.": (
        "Emite y envía lo que corresponde facturar al CLIENTE ahora. Lo ya facturado no se factura de nuevo."
    ),
    "Show what would be issued, and issue nothing.": "Muestra lo que se emitiría, sin emitir nada.",
    "The newest invoices and credit notes, newest first.": (
        "Las últimas boletas, facturas y notas de crédito; primero la más reciente."
    ),
    "Only those issued in this month.": "Solo las emitidas en este mes.",
    "One invoice, and where its PDF lies.": "Un documento, y dónde está su PDF.",
    "Also write it as a PDF there; - is the standard output.": (
        "También lo escribe como PDF ahí; - es la salida estándar."
    ),
    # --- dialplan, messages, jobs
    "Asterisk's configuration, generated from what is provisioned; never edited by hand.": (
        "La configuración de Asterisk, generada de lo registrado; nunca se edita a mano."
    ),
    "The daemon publishes each change by itself within two seconds.": (
        "pbx-control publica cada cambio por sí mismo en dos segundos."
    ),
    "Brings what is provisioned into force: no call is cut, and if Asterisk refuses it the old one comes back.": (
        "Pone en vigor lo registrado: no se corta ninguna llamada, y si Asterisk lo rechaza vuelve lo anterior."
    ),
    "Shows what `apply` would change, as a unified diff; of a secret only that it changes.": (
        "Muestra qué cambiaría `apply`, como diferencia unificada; de una contraseña, solo que cambia."
    ),
    "Shows the configuration in force: the names of its files, or one FILE. Secrets are left out.": (
        "Muestra la configuración vigente: los nombres de sus archivos, o un ARCHIVO. Sin contraseñas."
    ),
    "Messages to the clients' recipients: list them, read them, send them again.": (
        "Mensajes a los destinatarios de los clientes: verlos, leerlos, enviarlos de nuevo."
    ),
    "The newest messages, newest first.": "Los últimos mensajes; primero el más reciente.",
    "Only those that have not reached their recipient (yet).": "Solo los que (aún) no llegan a su destinatario.",
    "Sends messages once more, at once.": "Envía mensajes de nuevo, de inmediato.",
    "By their numbers: delivered or not. With --to or --client: those that wait or were given up.": (
        "Por su número: entregados o no. Con --to o --client: los que esperan o se abandonaron."
    ),
    "All that have not reached this address or chat.": "Todos los que no llegaron a esta dirección o chat.",
    "All of this client that have not reached their recipients.": (
        "Todos los de este cliente que no llegaron a sus destinatarios."
    ),
    "give the messages' numbers, or --to or --client": "escriba los números de los mensajes, o --to o --client",
    "The way of letters out of here, by the mail server in [mail].": (
        "La salida de los mensajes, por el servidor de correo de [mail]."
    ),
    "Sends one letter to ADDRESS at once, and tells what the mail server says to it.": (
        "Envía de inmediato un mensaje a DIRECCIÓN y dice qué respondió el servidor de correo."
    ),
    "One message in full, with what became of it.": "Un mensaje completo, con lo que fue de él.",
    "Calendar jobs: list them, run one by hand.": "Tareas programadas: verlas, ejecutar una a mano.",
    "Every job: what it does, when, when next and last, and what came of that.": (
        "Cada tarea: qué hace, cuándo, la próxima y la última vez, y con qué resultado."
    ),
    "The daemon runs them; a job that was missed while it was away runs at its next start.": (
        "Las ejecuta pbx-control; la que no se hizo mientras estaba detenido se hace al iniciarlo."
    ),
    "Runs a job now, whatever its time; exit status 1 if it fails.": (
        "Ejecuta una tarea ahora, sea cual sea su hora; código de salida 1 si falla."
    ),
    # --- backup and restore
    "Copies the database, the settings and the uploads into FILE, while all goes on.": (
        "Respalda la base de datos, los ajustes y los audios propios en ARCHIVO, sin detener nada."
    ),
    "Without FILE it lies in the folder of [backup]. The copy holds passwords and callers' numbers: keep it to "
    "yourself.": (
        "Sin ARCHIVO queda en la carpeta de [backup]. El respaldo tiene contraseñas y números de quienes llaman: "
        "guárdelo en "
        "reserva."
    ),
    "Recordings and left messages, too: an hour of them takes 58 MB.": (
        "También grabaciones y mensajes: una hora ocupa 58 MB."
    ),
    "Puts the database, settings and uploads of a backup in the place of the home's.": (
        "Pone la base de datos, los ajustes y los audios de un respaldo en lugar de los de la instalación."
    ),
    "Daemon and Asterisk must be stopped. What is replaced is kept in the home, in .before-restore-TIME.": (
        "pbx-control y Asterisk deben estar detenidos. Lo reemplazado queda en la instalación, en "
        ".before-restore-FECHA."
    ),
    "The daemons that share the database, each with a switch of its own.": (
        "Las instalaciones que comparten la base de datos, cada una con su propia central."
    ),
    "Every node: since when it takes calls, when it was last seen, how many calls it has.": (
        "Cada nodo: desde cuándo atiende, cuándo se supo de él por última vez y cuántas llamadas tiene."
    ),
    "Settle the calls of a node that is gone for good: they end in the books, and their clients are told.": (
        "Da por terminadas las llamadas de un nodo que ya no existe: quedan registradas, y se avisa a sus clientes."
    ),
    "A node that is alive is refused. One that takes calls again later is a node like any other.": (
        "Con un nodo vivo no se hace nada. Si más tarde vuelve a atender, es un nodo como cualquiera."
    ),
    "NODE": "NODO",
}

SPANISH_HELP: dict[str, str] = CLICK | METAVARS | HELP
